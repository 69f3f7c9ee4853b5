// An article, opened at a passage, with every passage's score against the question in the margin.

import { useEffect, useRef, useState } from "preact/hooks";
import { at, get, inWords, withParams } from "./api";
import { Score, shares } from "./hits";
import type { Go, State } from "./state";
import { cutter } from "./text";
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
      .catch((error: unknown) => { if (!abort.signal.aborted) setProblem(inWords(error)); });
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
    const keys = (event: KeyboardEvent) => { if (event.key === "Escape") go({ view: "ask" }); };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [go]);
  const back = <button onClick={() => go({ view: "ask" })}>Back to the answers</button>;
  if (problem) return <><p class="problem" role="alert">{problem}</p>{back}</>;
  if (!article) return <p class="faint" aria-busy="true">Loading…</p>;
  return (
    <article class="whole">
      {back}
      <h1 tabIndex={-1} ref={heading}>{article.title || article.id}</h1>
      <p class="place">{article.path}</p>
      <Facts metadata={article.metadata} />
      {state.q && <p class="faint">Scored against “{state.q}”</p>}
      <Text article={article} target={state.p} go={go} state={state} />
    </article>
  );
}

function Facts({ metadata }: { metadata: Record<string, unknown> }) {
  const facts = Object.entries(metadata);
  if (facts.length === 0) return null;
  return (
    <dl class="facts">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{Array.isArray(value) ? value.join(", ") : String(value)}</dd></div>)}
    </dl>
  );
}

/** The text in order: passages with their margin, and what lies between them. Passages may share a sentence. */
function Text({ article, target, state, go }: { article: Article; target: string; state: State; go: Go }) {
  const cut = cutter(article.text);
  const scores = article.passages.map((passage) => passage.score).filter((score) => score !== undefined);
  const share = shares(scores);
  const most = Math.max(...scores);
  const questions = new Set(article.questions.map((pair) => pair.question));
  const parts = [];
  let end = 0;
  for (const passage of article.passages) {
    const start = Math.max(passage.span[0], end);
    const between = cut([end, start]).trim();
    if (between) parts.push(<p key={`between-${end}`} class={questions.has(between) ? "between question" : "between"}>{between}</p>);
    parts.push(
      <div key={passage.passage_id} class="passage" id={passage.passage_id === target ? "target" : undefined} tabIndex={passage.passage_id === target ? -1 : undefined}>
        <div class="margin">
          {passage.score !== undefined && <Score value={passage.score} share={share(passage.score)} />}
          <a href={`#${encodeURIComponent(passage.passage_id)}`} class="faint" onClick={(event) => { event.preventDefault(); go({ ...state, p: passage.passage_id }, "replace"); }}>
            {passage.passage_id.slice(passage.passage_id.lastIndexOf("#"))}<span class="hidden"> passage of {article.title}</span>
          </a>
        </div>
        <p><Body cut={cut} passage={passage} start={start} marked={passage.passage_id === target || passage.score === most} /></p>
      </div>,
    );
    end = Math.max(end, passage.span[1]);
  }
  const rest = cut([end, Infinity]).trim();
  if (rest) parts.push(<p key="rest" class="between">{rest}</p>);
  return <div class="body">{parts}</div>;
}

interface BodyProps { cut: (span: [number, number]) => string; passage: Passage; start: number; marked: boolean }

function Body({ cut, passage, start, marked }: BodyProps) {
  const best = passage.explanation?.sentence?.span;
  const end = passage.span[1];
  if (!marked || !best || best[0] < start) return <>{cut([start, end])}</>;
  return <>{cut([start, best[0]])}<mark>{cut(best)}</mark>{cut([best[1], end])}</>;
}
