// Hits: score, location, text with the best sentence highlighted, and an explanation of the rank.

import { useEffect, useRef } from "preact/hooks";
import { type Go, type State, linkTo } from "./state";
import { byteSlicer } from "./text";
import type { Answer, Hit, Span } from "./types";

interface ListProps { answer: Answer; state: State; go: Go; keyboard: boolean; otherRanks?: Map<string, number> | undefined }

export function HitList({ answer, state, go, keyboard, otherRanks }: ListProps) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (!keyboard) return;
    const onKey = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      const typing = target?.closest("textarea, select, input:not([type=search])");
      const down = event.key === "j" || event.key === "ArrowDown";
      const up = event.key === "k" || event.key === "ArrowUp";
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !(down || up)) return;
      const inBox = target?.closest("input[type=search]");
      if (inBox && (event.key.length === 1 || up || target?.getAttribute("aria-expanded") === "true")) return;
      const links = [...(list.current?.querySelectorAll<HTMLAnchorElement>("a.title") ?? [])];
      const at = links.findIndex((link) => link === document.activeElement);
      const next = links[at + (down ? 1 : -1)];
      event.preventDefault();
      if (next) {
        next.focus();
        next.scrollIntoView({ block: "nearest" });
      } else if (up) document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [keyboard]);
  const barLength = barLengths(answer.hits.map((hit) => hit.score));
  return (
    <ol class="hits" ref={list}>
      {answer.hits.map((hit) => <OneHit key={hit.passage_id} hit={hit} state={state} go={go} moved={otherRanks && rankChange(hit, otherRanks)} length={barLength(hit.score)} />)}
    </ol>
  );
}

/** Scales scores to bar lengths from 0 to 1, relative to the best one. */
export function barLengths(scores: number[]): (score: number) => number {
  const [max, min] = [Math.max(...scores), Math.min(...scores, 0)];
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

function OneHit({ hit, state, go, length, moved }: { hit: Hit; state: State; go: Go; length: number; moved: string | undefined }) {
  const target = openArticle(state, hit.article_id, hit.passage_id);
  return (
    <li class="hit">
      <div class="head">
        <span class="rank">{hit.rank}</span>
        <h3><a class="title" {...linkTo(target, go)}>{hit.title || hit.article_id}</a></h3>
        {moved && <span class="moved">{moved}</span>}
        <Score value={hit.score} length={length} />
      </div>
      <p class="place">{hit.path}:{hit.line}</p>
      <p class="text"><Highlighted text={hit.text} start={hit.span[0]} best={hit.explanation?.sentence?.span} /></p>
      {hit.copies && hit.copies.length > 0 && (
        <p class="faint">Also in {hit.copies.map((copy) => `${copy.path}:${copy.line}`).join(", ")}</p>
      )}
      <Explanation hit={hit} />
    </li>
  );
}

export function Score({ value, length }: { value: number; length: number }) {
  return (
    <span class="score">
      <span class="bar" aria-hidden="true"><span style={{ width: `${Math.max(2, 100 * length)}%` }} /></span>
      <span><span class="hidden">Score </span>{value.toFixed(3)}</span>
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
