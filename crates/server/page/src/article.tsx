// An article, scrolled to a passage, with the score of every passage for the question in the margin.

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, at, errorMessage } from "./api";
import { Score, barLengths } from "./hits";
import { type Go, type State, goBack, linkTo, previousView } from "./state";
import { byteSlicer, isComposing } from "./text";
import type { Article, Passage } from "./types";

/** What the views are called on the way back to them. */
const BACK: Record<State["view"], string> = { ask: "answers", article: "article", map: "map", collection: "collection", evaluate: "evaluation" };

export function ArticleView({ collection, state, go }: { collection: string; state: State; go: Go }) {
  const [article, setArticle] = useState<Article | null>(null);
  const [problem, setProblem] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const abort = new AbortController();
    setArticle(null);
    ask<Article>(at(collection, "article"), { id: state.id, q: state.q, mode: state.mode }, abort.signal)
      .then((found) => { setArticle(found); setProblem(""); })
      .catch((error: unknown) => { if (!abort.signal.aborted) setProblem(errorMessage(error)); });
    return () => abort.abort();
  }, [collection, state.id, state.q, state.mode]);
  useEffect(() => {
    if (!article) return;
    const target = document.getElementById("target");
    if (target) {
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    } else heading.current?.focus();
  }, [article]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => { if (event.key === "Escape" && !isComposing(event)) goBack(go); };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [go]);
  const back = <p class="back"><button onClick={() => goBack(go)}>Back to the {BACK[previousView() ?? "ask"]}</button></p>;
  if (problem) return <>{back}<p class="problem" role="alert">{problem}</p></>;
  if (!article) return <p class="faint" aria-busy="true">Loading…</p>;
  return (
    <article class="whole">
      {back}
      <h1 dir="auto" tabIndex={-1} ref={heading}>{article.title || article.id}</h1>
      <p class="place"><bdi>{article.path}</bdi></p>
      <Metadata metadata={article.metadata} />
      {state.q && article.passages.length > 1 && <p class="faint">How well each passage answers “<bdi>{state.q}</bdi>”, relative to the best one:</p>}
      <Text article={article} target={state.p} go={go} state={state} />
    </article>
  );
}

function Metadata({ metadata }: { metadata: Record<string, unknown> }) {
  const fields = Object.entries(metadata);
  if (fields.length === 0) return null;
  return (
    <dl class="facts">
      {fields.map(([name, value]) => <div key={name}><dt dir="auto">{name}</dt><dd dir="auto">{Array.isArray(value) ? value.join(", ") : String(value)}</dd></div>)}
    </dl>
  );
}

/** The text in order: passages with their scores, and the text between them. Passages may overlap by a sentence. */
function Text({ article, target, state, go }: { article: Article; target: string; state: State; go: Go }) {
  const slice = byteSlicer(article.text);
  const scores = article.passages.map((passage) => passage.score).filter((score) => score !== undefined);
  const barLength = barLengths(scores);
  const bestScore = Math.max(...scores);
  const questions = new Set(article.questions.map((pair) => pair.question));
  const isWhole = article.passages.length === 1;
  const parts = [];
  let end = 0;
  for (const passage of article.passages) {
    const start = Math.max(passage.span[0], end);
    const gap = slice([end, start]);
    const between = withoutBlankLines(gap);
    // The first line of a passage is indented as it is in the article.
    const indent = between || (end > 0 && !gap.includes("\n")) ? "" : /[^\n]*$/.exec(gap)![0];
    if (between) parts.push(<p key={`between-${end}`} dir="auto" class={questions.has(between.trim()) ? "between question" : "between"}>{between}</p>);
    const isTarget = passage.passage_id === target;
    parts.push(
      <div key={passage.passage_id} class={isWhole ? "passage alone" : "passage"} id={isTarget ? "target" : undefined} tabIndex={isTarget ? -1 : undefined}>
        {!isWhole && (
          <div class="margin">
            {passage.score !== undefined && <Score value={barLength(passage.score)} />}
            <a class="faint" {...linkTo({ ...state, p: passage.passage_id }, (change) => go(change, "replace"))}>
              {passage.passage_id.slice(passage.passage_id.lastIndexOf("#"))}<span class="hidden"> passage of {article.title}</span>
            </a>
          </div>
        )}
        <p dir="auto" key={`${isTarget}`}>{indent}<Body slice={slice} passage={passage} start={start} highlight={isTarget || passage.score === bestScore} /></p>
      </div>,
    );
    end = Math.max(end, passage.span[1]);
  }
  const rest = withoutBlankLines(slice([end, Infinity]));
  if (rest) parts.push(<p key="rest" dir="auto" class="between">{rest}</p>);
  return <div class="body">{parts}</div>;
}

/** A text without the blank lines around it; its first line keeps its indentation. */
function withoutBlankLines(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
}

interface BodyProps { slice: (span: [number, number]) => string; passage: Passage; start: number; highlight: boolean }

function Body({ slice, passage, start, highlight }: BodyProps) {
  const best = passage.explanation?.sentence?.span;
  const end = passage.span[1];
  if (!highlight || !best || best[0] < start) return <>{slice([start, end])}</>;
  return <>{slice([start, best[0]])}<mark>{slice(best)}</mark>{slice([best[1], end])}</>;
}
