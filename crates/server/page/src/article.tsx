// An article, scrolled to a passage, with the score of every passage for the question in the margin.

import { useEffect, useRef, useState } from "preact/hooks";
import { at, errorMessage, get, withParams } from "./api";
import { Score, barLengths } from "./hits";
import type { Go, State } from "./state";
import { byteSlicer } from "./text";
import type { Article, Passage } from "./types";

export function ArticleView({ collection, state, go }: { collection: string; state: State; go: Go }) {
  const [article, setArticle] = useState<Article | null>(null);
  const [problem, setProblem] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const abort = new AbortController();
    setArticle(null);
    get<Article>(withParams(at(collection, "articles", state.id), { q: state.q, mode: state.mode }), abort.signal)
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
    const onKey = (event: KeyboardEvent) => { if (event.key === "Escape") go({ view: "ask" }); };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [go]);
  const back = <button onClick={() => go({ view: "ask" })}>Back to the results</button>;
  if (problem) return <><p class="problem" role="alert">{problem}</p>{back}</>;
  if (!article) return <p class="faint" aria-busy="true">Loading…</p>;
  return (
    <article class="whole">
      {back}
      <h1 tabIndex={-1} ref={heading}>{article.title || article.id}</h1>
      <p class="place">{article.path}</p>
      <Metadata metadata={article.metadata} />
      {state.q && <p class="faint">Scores for “{state.q}”</p>}
      <Text article={article} target={state.p} go={go} state={state} />
    </article>
  );
}

function Metadata({ metadata }: { metadata: Record<string, unknown> }) {
  const fields = Object.entries(metadata);
  if (fields.length === 0) return null;
  return (
    <dl class="facts">
      {fields.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{Array.isArray(value) ? value.join(", ") : String(value)}</dd></div>)}
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
  const parts = [];
  let end = 0;
  for (const passage of article.passages) {
    const start = Math.max(passage.span[0], end);
    const between = slice([end, start]).trim();
    if (between) parts.push(<p key={`between-${end}`} class={questions.has(between) ? "between question" : "between"}>{between}</p>);
    parts.push(
      <div key={passage.passage_id} class="passage" id={passage.passage_id === target ? "target" : undefined} tabIndex={passage.passage_id === target ? -1 : undefined}>
        <div class="margin">
          {passage.score !== undefined && <Score value={passage.score} length={barLength(passage.score)} />}
          <a href={`#${encodeURIComponent(passage.passage_id)}`} class="faint" onClick={(event) => { event.preventDefault(); go({ ...state, p: passage.passage_id }, "replace"); }}>
            {passage.passage_id.slice(passage.passage_id.lastIndexOf("#"))}<span class="hidden"> passage of {article.title}</span>
          </a>
        </div>
        <p><Body slice={slice} passage={passage} start={start} highlight={passage.passage_id === target || passage.score === bestScore} /></p>
      </div>,
    );
    end = Math.max(end, passage.span[1]);
  }
  const rest = slice([end, Infinity]).trim();
  if (rest) parts.push(<p key="rest" class="between">{rest}</p>);
  return <div class="body">{parts}</div>;
}

interface BodyProps { slice: (span: [number, number]) => string; passage: Passage; start: number; highlight: boolean }

function Body({ slice, passage, start, highlight }: BodyProps) {
  const best = passage.explanation?.sentence?.span;
  const end = passage.span[1];
  if (!highlight || !best || best[0] < start) return <>{slice([start, end])}</>;
  return <>{slice([start, best[0]])}<mark>{slice(best)}</mark>{slice([best[1], end])}</>;
}
