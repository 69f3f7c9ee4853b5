// Hits: score, place, text with its best sentence marked, and why it stands where it stands.

import { useEffect, useRef } from "preact/hooks";
import { type Go, type State, linkTo } from "./state";
import { cutter } from "./text";
import type { Answer, Hit, Span } from "./types";

interface ListProps { answer: Answer; state: State; go: Go; keyboard: boolean; beside?: Map<string, number> | undefined }

export function HitList({ answer, state, go, keyboard, beside }: ListProps) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (!keyboard) return;
    const keys = (event: KeyboardEvent) => {
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
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [keyboard]);
  const share = shares(answer.hits.map((hit) => hit.score));
  return (
    <ol class="hits" ref={list}>
      {answer.hits.map((hit) => <OneHit key={hit.passage_id} hit={hit} state={state} go={go} moved={beside && moved(hit, beside)} share={share(hit.score)} />)}
    </ol>
  );
}

/** How much of the best score's bar each score has. */
export function shares(scores: number[]): (score: number) => number {
  const [most, least] = [Math.max(...scores), Math.min(...scores, 0)];
  return (score) => (most > least ? (score - least) / (most - least) : 1);
}

export function openArticle(state: State, id: string, passage: string) {
  return { ...state, view: "article" as const, id, p: passage };
}

/** Where the other way of asking has a hit. */
function moved(hit: Hit, beside: Map<string, number>): string {
  const there = beside.get(hit.passage_id);
  if (there === undefined) return "not there";
  return there === hit.rank ? "same rank" : `there ${there}`;
}

function OneHit({ hit, state, go, share, moved }: { hit: Hit; state: State; go: Go; share: number; moved: string | undefined }) {
  const target = openArticle(state, hit.article_id, hit.passage_id);
  return (
    <li class="hit">
      <div class="head">
        <span class="rank">{hit.rank}</span>
        <h3><a class="title" {...linkTo(target, go)}>{hit.title || hit.article_id}</a></h3>
        {moved && <span class="moved">{moved}</span>}
        <Score value={hit.score} share={share} />
      </div>
      <p class="place">{hit.path}:{hit.line}</p>
      <p class="text"><Marked text={hit.text} start={hit.span[0]} best={hit.explanation?.sentence?.span} /></p>
      {hit.copies && hit.copies.length > 0 && (
        <p class="faint">Also in {hit.copies.map((copy) => `${copy.path}:${copy.line}`).join(", ")}</p>
      )}
      <Why hit={hit} />
    </li>
  );
}

export function Score({ value, share }: { value: number; share: number }) {
  return (
    <span class="score">
      <span class="bar" aria-hidden="true"><span style={{ width: `${Math.max(2, 100 * share)}%` }} /></span>
      <span><span class="hidden">Score </span>{value.toFixed(3)}</span>
    </span>
  );
}

/** A passage that begins at byte `start` of its article, with the bytes of `best` marked. */
export function Marked({ text, start, best }: { text: string; start: number; best?: Span | undefined }) {
  if (!best) return <>{text}</>;
  const cut = cutter(text);
  const [from, to] = [best[0] - start, best[1] - start];
  return <>{cut([0, from])}<mark>{cut([from, to])}</mark>{cut([to, Infinity])}</>;
}

function Why({ hit }: { hit: Hit }) {
  const why = hit.explanation;
  if (!why) return null;
  const raw = (score: number | undefined) => (score === undefined ? "not among the candidates" : score.toFixed(3));
  return (
    <details class="why">
      <summary>Why here</summary>
      <dl>
        {why.shares.dense !== undefined && <><dt>Meaning</dt><dd>{why.shares.dense.toFixed(3)} <span class="faint">cosine {raw(hit.scores.dense)}{why.fusion && `, counted ${why.fusion.dense.toFixed(2)}`}</span></dd></>}
        {why.shares.lexical !== undefined && <><dt>Words</dt><dd>{why.shares.lexical.toFixed(3)} <span class="faint">BM25 {raw(hit.scores.lexical)}{why.fusion && `, counted ${(1 - why.fusion.dense).toFixed(2)}`}</span></dd></>}
        {why.words.length > 0 && (
          <><dt>Of these</dt><dd>{why.words.map((word) => `${word.word}${word.found_as === word.word ? "" : ` as ${word.found_as}`}${word.place === "text" ? "" : ` (${word.place})`} ${word.score.toFixed(2)}`).join(", ")}</dd></>
        )}
        {hit.scores.rerank !== undefined && <><dt>Looked at closer</dt><dd>{hit.scores.rerank.toFixed(3)}</dd></>}
        {why.sentence && <><dt>Best sentence</dt><dd>{why.sentence.score.toFixed(3)}</dd></>}
        {why.above_cut !== undefined && <><dt>Above the cut</dt><dd>{why.above_cut.toFixed(3)}</dd></>}
      </dl>
    </details>
  );
}
