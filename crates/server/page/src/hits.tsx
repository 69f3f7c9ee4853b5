// Hits: score, location, text with the best sentence highlighted, and an explanation of the rank.

import { useEffect, useRef } from "preact/hooks";
import { type Go, type State, linkTo } from "./state";
import { byteSlicer, isComposing } from "./text";
import type { Answer, Hit, Span } from "./types";

interface ListProps {
  answer: Answer; state: State; go: Go; keyboard: boolean;
  /** The score of the first hit of all. */
  best?: number | undefined;
  otherRanks?: Map<string, number> | undefined;
}

export function HitList({ answer, state, go, keyboard, best, otherRanks }: ListProps) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (!keyboard) return;
    const onKey = (event: KeyboardEvent) => {
      if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      const links = [...(list.current?.querySelectorAll<HTMLAnchorElement>("a.title") ?? [])];
      const at = links.findIndex((link) => link === document.activeElement);
      const inBox = target?.closest("input[type=search]");
      const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step === undefined) return;
      if (event.key.length === 1) {
        if (target?.closest("textarea, select, input")) return;
      } else if (inBox) {
        // To the first hit; the list of suggestions comes first.
        if (step < 0 || target?.getAttribute("aria-expanded") === "true") return;
      } else if (at < 0) return; // The arrow keys scroll.
      const next = links[at + step];
      if (next) {
        event.preventDefault();
        next.focus();
        next.scrollIntoView({ block: "nearest" });
      } else if (step < 0 && at === 0) {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [keyboard]);
  const barLength = barLengths(answer.hits.map((hit) => hit.score), best);
  const seen = new Set<string>();
  return (
    <ol class="hits" ref={list}>
      {answer.hits.map((hit) => {
        // Passages of one article are told apart by their beginning.
        const isRepeated = seen.has(hit.article_id);
        seen.add(hit.article_id);
        return <OneHit key={hit.passage_id} hit={hit} isRepeated={isRepeated} state={state} go={go} moved={otherRanks && rankChange(hit, otherRanks)} length={barLength(hit.score)} />;
      })}
    </ol>
  );
}

/** Scales scores to lengths from 0 to 1, relative to the best one, which may be on another page. */
export function barLengths(scores: number[], best = -Infinity): (score: number) => number {
  const [max, min] = [Math.max(...scores, best), Math.min(...scores, 0)];
  return (score) => (max > min ? (score - min) / (max - min) : 1);
}

export function openArticle(state: State, id: string, passage: string) {
  return { ...state, view: "article" as const, id, p: passage };
}

/** The rank of a hit in the other result list. */
function rankChange(hit: Hit, otherRanks: Map<string, number>): string {
  const other = otherRanks.get(hit.passage_id);
  if (other === undefined) return "only here";
  return other === hit.rank ? "same rank" : `other rank: ${other}`;
}

/** The longest heading that is made of a passage's beginning, in characters. */
const MAX_HEADING = 70;

/** The heading of a passage: the first sentence of its first line, without the marks of Markdown, or the beginning of that. */
function heading(text: string): string {
  const line = text.trim().split(/\n|(?<=[.!?]) /, 1)[0]!.replace(/^#+\s*|[*_`]+/g, "").trim();
  if (line.length <= MAX_HEADING) return line;
  const cut = line.slice(0, MAX_HEADING);
  const space = cut.lastIndexOf(" ");
  return `${space > MAX_HEADING / 2 ? cut.slice(0, space) : cut}…`;
}

interface HitProps { hit: Hit; isRepeated: boolean; state: State; go: Go; length: number; moved: string | undefined }

function OneHit({ hit, isRepeated, state, go, length, moved }: HitProps) {
  const target = openArticle(state, hit.article_id, hit.passage_id);
  const title = hit.title || hit.article_id;
  const best = hit.explanation?.sentence?.span;
  return (
    <li class={isRepeated ? "hit repeated" : "hit"}>
      <div class="head">
        <span class="rank">{hit.rank}</span>
        <h3 dir="auto"><a class="title" data-passage={hit.passage_id} {...linkTo(target, go)}>{isRepeated ? heading(hit.text) : title}</a></h3>
        {moved && <span class="moved" key={moved}>{moved}</span>}
        <Score value={length} />
      </div>
      <p class="place">{isRepeated && <>more of <bdi>{title}</bdi>, </>}<bdi>{hit.path}:{hit.line}</bdi></p>
      <p class="text" dir="auto" key={String(best)}><Highlighted text={hit.text} start={hit.span[0]} best={best} /></p>
      {hit.copies && hit.copies.length > 0 && (
        <p class="faint">Also in {hit.copies.map((copy, number) => <bdi key={copy.passage_id}>{number > 0 && ", "}{copy.path}:{copy.line}</bdi>)}</p>
      )}
      <Explanation hit={hit} />
    </li>
  );
}

/** A score in percent of the best one. */
export function Score({ value }: { value: number }) {
  const percent = Math.round(100 * value);
  return (
    <span class="score" title="Relative to the best score">
      <span class="bar" aria-hidden="true"><span style={{ width: `${Math.max(2, percent)}%` }} /></span>
      <span key={percent}><span class="hidden">Score, relative to the best: </span>{percent} %</span>
    </span>
  );
}

/** A passage that starts at byte `start` of its article, with the byte span `best` highlighted. */
export function Highlighted({ text, start, best }: { text: string; start: number; best?: Span | undefined }) {
  if (!best) return <>{text}</>;
  const slice = byteSlicer(text);
  const [from, to] = [best[0] - start, best[1] - start];
  return <>{slice([0, from])}<mark>{slice([from, to])}</mark>{slice([to, Infinity])}</>;
}

function Explanation({ hit }: { hit: Hit }) {
  const explanation = hit.explanation;
  if (!explanation) return null;
  const raw = (score: number | undefined) => (score === undefined ? "not among the candidates" : score.toFixed(3));
  return (
    <details class="why">
      <summary>Explain the score</summary>
      <dl>
        <dt>Score</dt><dd>{hit.score.toFixed(3)}</dd>
        {explanation.shares.dense !== undefined && <><dt>Semantic</dt><dd>{explanation.shares.dense.toFixed(3)} <span class="faint">cosine {raw(hit.scores.dense)}{explanation.fusion && `, weight ${explanation.fusion.dense.toFixed(2)}`}</span></dd></>}
        {explanation.shares.lexical !== undefined && <><dt>Keywords</dt><dd>{explanation.shares.lexical.toFixed(3)} <span class="faint">BM25 {raw(hit.scores.lexical)}{explanation.fusion && `, weight ${(1 - explanation.fusion.dense).toFixed(2)}`}</span></dd></>}
        {explanation.words.length > 0 && (
          <><dt>By word</dt><dd>{explanation.words.map((word) => `${word.word}${word.found_as === word.word ? "" : ` as ${word.found_as}`}${word.place === "text" ? "" : ` (${word.place})`} ${word.score.toFixed(2)}`).join(", ")}</dd></>
        )}
        {hit.scores.rerank !== undefined && <><dt>Rerank score</dt><dd>{hit.scores.rerank.toFixed(3)}</dd></>}
        {explanation.sentence && <><dt>Best sentence</dt><dd>{explanation.sentence.score.toFixed(3)}</dd></>}
        {explanation.above_cut !== undefined && <><dt>Above the cutoff</dt><dd>{explanation.above_cut.toFixed(3)}</dd></>}
      </dl>
    </details>
  );
}
