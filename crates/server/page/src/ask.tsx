// The search view: results while typing, facets, and a second result list for comparison.

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem, ask, at, errorMessage, get, withParams } from "./api";
import { HitList } from "./hits";
import { type Go, type State, restorePlace } from "./state";
import { alternatives, conditions, count, isComposing, quoted } from "./text";
import type { Answer, Collection, Facet, Suggestion } from "./types";

/** Debounce of the question field, in milliseconds. */
const DEBOUNCE = 180;
/** How long to wait after results arrive before requesting explanations, which cost much more. In milliseconds. */
const EXPLAIN_DELAY = 250;
const PAGE_SIZE = 10;
/** The longest question to suggest others for, in characters. */
const MAX_SUGGESTED_FOR = 200;
/** How long suggestions stay after the last key, in milliseconds: they lie over the first answers. */
const SUGGESTIONS_STAY = 1500;
/** How many answers are remembered, so that the way back shows them at once. */
const MAX_REMEMBERED = 30;
/** The server's limits of offset + k, without and with `diverse`. */
const MAX_HITS = 10000;
const MAX_DIVERSE_HITS = 1000;

/** The settings of one of the two result lists. */
interface Method { mode: string; rerank: string }

export function AskView({ collection, state, go }: { collection: Collection; state: State; go: Go }) {
  const [typed, setTyped] = useState(state.q);
  // While a word is being composed, it is no question yet.
  const [composing, setComposing] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  // The question last submitted from this field. Only if the URL's question changes by other means, such as
  // back and forward, does it replace the text being typed.
  const submitted = useRef(state.q);
  const submit = (q: string, how?: "push" | "replace") => {
    submitted.current = q;
    go({ q, from: "0" }, how);
  };
  useEffect(() => {
    if (state.q === submitted.current) return;
    submitted.current = state.q;
    setTyped(state.q);
  }, [state.q]);
  useEffect(() => {
    if (composing || typed === submitted.current) return;
    const timer = setTimeout(() => submit(typed, "replace"), DEBOUNCE);
    return () => clearTimeout(timer);
  }, [typed, composing]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const outsideFields = !(event.target instanceof HTMLElement && event.target.closest("input, textarea, select"));
      if (event.key === "/" && outsideFields && !isComposing(event) && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => { if (!state.q) input.current?.focus(); }, []);

  const [firstAnswer, setFirstAnswer] = useState<Answer | null>(null);
  const ranks = new Map(firstAnswer?.hits.map((hit) => [hit.passage_id, hit.rank]));
  const first: Method = { mode: state.mode, rerank: state.rerank };
  const second: Method | null = state.mode2 ? { mode: state.mode2, rerank: state.rerank2 } : null;
  return (
    <>
      <h1 class="hidden">Search</h1>
      <form role="search" onSubmit={(event) => { event.preventDefault(); submit(typed); }}>
        <QuestionField collection={collection.name} typed={typed} setTyped={setTyped} setComposing={setComposing} input={input} choose={(text) => { setTyped(text); submit(text); }} />
        <div class="options">
          <MethodFields title="Mode" method={first} set={(method) => go({ mode: method.mode, rerank: method.rerank, from: "0" })} />
          <label>Rank
            <select value={state.by} onChange={(event) => go({ by: event.currentTarget.value, from: "0" })}>
              <option value="passage">passages</option>
              <option value="article">articles</option>
            </select>
          </label>
          <label class="check">
            <input type="checkbox" checked={state.diverse !== ""} onChange={(event) => go({ diverse: event.currentTarget.checked ? "0.3" : "", from: "0" })} /> diverse results
          </label>
          <label class="check">
            <input type="checkbox" checked={second !== null} onChange={(event) => go({ mode2: event.currentTarget.checked ? (state.mode === "dense" ? "lexical" : "dense") : "", rerank2: "" })} /> compare
          </label>
          {second && <MethodFields title="With" method={second} set={(method) => go({ mode2: method.mode, rerank2: method.rerank })} />}
        </div>
      </form>
      <div class="columns">
        <Facets collection={collection.name} filter={state.filter} set={(filter) => go({ filter, from: "0" })} />
        <div class={second ? "answers two" : "answers"}>
          {!state.q.trim() && <Start collection={collection} />}
          {state.q.trim() && <Answers collection={collection} state={state} method={first} go={go} title={second ? describe(first) : ""} main answered={setFirstAnswer} />}
          {state.q.trim() && second && <Answers collection={collection} state={state} method={second} go={go} title={describe(second)} otherRanks={ranks} />}
        </div>
      </div>
    </>
  );
}

const MODES: Record<string, string> = { hybrid: "hybrid", dense: "semantic", lexical: "keywords" };

function describe(method: Method): string {
  const mode = MODES[method.mode] ?? method.mode;
  return method.rerank ? `${mode}, reranked` : mode;
}

function MethodFields({ title, method, set }: { title: string; method: Method; set: (method: Method) => void }) {
  return (
    <>
      <label>{title}
        <select value={method.mode} onChange={(event) => set({ ...method, mode: event.currentTarget.value })}>
          {Object.entries(MODES).map(([mode, name]) => <option key={mode} value={mode}>{name}</option>)}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={method.rerank !== ""} onChange={(event) => set({ ...method, rerank: event.currentTarget.checked ? "maxsim" : "" })} /> rerank
      </label>
    </>
  );
}

function Start({ collection }: { collection: Collection }) {
  return (
    <p class="faint start">
      Search {count(collection.stats.articles, "article")} in your own words.
      {collection.stats.articles === 0 && " There are none yet: add some under Collection."}
    </p>
  );
}

interface QuestionFieldProps {
  collection: string;
  typed: string;
  setTyped: (text: string) => void;
  setComposing: (composing: boolean) => void;
  choose: (text: string) => void;
  input: { current: HTMLInputElement | null };
}

/** The question field with suggestions. */
function QuestionField({ collection, typed, setTyped, setComposing, choose, input }: QuestionFieldProps) {
  const [suggestions, setSuggestions] = useState<Suggestion[]>([]);
  const [selected, setSelected] = useState(-1);
  const [open, setOpen] = useState(false);
  const [pointed, setPointed] = useState(false);
  const id = useId();
  useEffect(() => {
    if (!open || typed.trim().length < 2 || typed.length > MAX_SUGGESTED_FOR) {
      setSuggestions([]);
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      get<Suggestion[]>(withParams(at(collection, "suggest"), { q: typed, limit: 6 }), abort.signal)
        .then((found) => { setSuggestions(found.filter((suggestion) => suggestion.text !== typed)); setSelected(-1); })
        // Suggestions are optional.
        .catch(() => setSuggestions([]));
    }, DEBOUNCE / 2);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [collection, typed, open]);
  const shown = open && suggestions.length > 0;
  // They close once typing has stopped, unless one is being chosen.
  useEffect(() => {
    if (!shown || selected >= 0 || pointed) return;
    const timer = setTimeout(() => setOpen(false), SUGGESTIONS_STAY);
    return () => clearTimeout(timer);
  }, [shown, selected, pointed, typed]);
  const accept = (suggestion: Suggestion | undefined) => {
    if (suggestion) choose(suggestion.text);
    setOpen(false);
  };
  const onKey = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") {
      if (shown) event.stopPropagation();
      setOpen(false);
    } else if (shown && event.key === "ArrowDown") {
      event.preventDefault();
      setSelected((selected + 1) % suggestions.length);
    } else if (shown && event.key === "ArrowUp") {
      event.preventDefault();
      setSelected(selected <= 0 ? suggestions.length - 1 : selected - 1);
    } else if (shown && event.key === "Enter" && selected >= 0) {
      event.preventDefault();
      accept(suggestions[selected]);
    } else if (event.key === "Enter") setOpen(false);
  };
  return (
    <div class="box">
      <input
        ref={input} type="search" dir="auto" role="combobox" list={undefined} aria-label="Your question" aria-expanded={shown} aria-controls={`${id}-list`}
        aria-autocomplete="list" aria-activedescendant={shown && selected >= 0 ? `${id}-${selected}` : undefined}
        placeholder="Ask in your own words" autocomplete="off" spellcheck={false} maxLength={20000} value={typed}
        onInput={(event) => { setTyped(event.currentTarget.value); setComposing((event as InputEvent).isComposing); setOpen(true); }}
        onCompositionStart={() => setComposing(true)} onCompositionEnd={() => setComposing(false)}
        onKeyDown={onKey} onBlur={() => setOpen(false)}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Suggestions" hidden={!shown} onMouseEnter={() => setPointed(true)} onMouseLeave={() => setPointed(false)}>
        {suggestions.map((suggestion, number) => (
          <li
            key={suggestion.text} id={`${id}-${number}`} role="option" aria-selected={number === selected}
            onMouseDown={(event) => { event.preventDefault(); accept(suggestion); }}
          >
            <bdi>{suggestion.text}</bdi> <span class="faint">{suggestion.kind === "title" ? "title" : "question in an article"}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** An answer with what the page makes of it. */
interface Shown extends Answer {
  remembered: boolean;
  /** Whether there are more hits after these. */
  more: boolean;
}

/** The last answers by their questions. */
const remembered = new Map<string, Shown>();
/** The best score of each question, whose other hits are shown relative to it. */
const bestScores = new Map<string, number>();

function remember<T>(all: Map<string, T>, name: string, value: T) {
  all.delete(name);
  all.set(name, value);
  const [oldest] = all.keys();
  if (all.size > MAX_REMEMBERED && oldest !== undefined) all.delete(oldest);
}

/** One hit more is asked for than shown: whether there is one. */
function cut(found: Answer & { remembered: boolean }): Shown {
  return { ...found, more: found.hits.length > PAGE_SIZE, hits: found.hits.slice(0, PAGE_SIZE) };
}

interface AnswersProps {
  collection: Collection;
  state: State;
  method: Method;
  go: Go;
  title: string;
  main?: boolean;
  answered?: (answer: Answer) => void;
  /** Ranks in the other result list, by passage id. */
  otherRanks?: Map<string, number>;
}

/** A result list. The previous results stay visible until new ones arrive. */
function Answers({ collection, state, method, go, title, main = false, answered, otherRanks }: AnswersProps) {
  const { q, by, filter, diverse, from } = state;
  const first = Number(from) || 0;
  const limit = diverse ? MAX_DIVERSE_HITS : MAX_HITS;
  const question = { q, mode: method.mode, by, filter, diverse, rerank: method.rerank };
  const ranking = JSON.stringify([collection.name, collection.stats, question]);
  const name = JSON.stringify([ranking, from]);
  const [answer, setAnswer] = useState<Shown | null>(remembered.get(name) ?? null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    const show = (found: Shown) => {
      setAnswer(found);
      answered?.(found);
      setProblem("");
      setBusy(false);
      const best = found.hits[0]?.score;
      if (first === 0 && best !== undefined) remember(bestScores, ranking, best);
    };
    const known = remembered.get(name);
    if (known) {
      show(known);
      return undefined;
    }
    setBusy(true);
    const path = at(collection.name, "search");
    const params = { ...question, offset: first, k: Math.min(PAGE_SIZE + 1, Math.max(1, limit - first)) };
    // Results first, because they are fast; explanations and best sentences later, if typing has stopped.
    const explain = (shown: Shown) => setTimeout(() => {
      ask<Answer>(path, { ...params, explain: true }, abort.signal)
        .then((found) => {
          const explained = { ...cut(found), took_ms: shown.took_ms, remembered: shown.remembered };
          remember(remembered, name, explained);
          setAnswer(explained);
        })
        // Explanations are optional.
        .catch(() => undefined);
    }, EXPLAIN_DELAY);
    let explaining: ReturnType<typeof setTimeout> | undefined;
    const request = (retries: number): Promise<void> => ask<Answer>(path, params, abort.signal)
      .then((found) => {
        const shown = cut(found);
        show(shown);
        explaining = explain(shown);
      })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return undefined;
        // The server is overloaded: retry after a second, as its Retry-After header says.
        if (error instanceof Problem && error.status === 429 && retries > 0) {
          return new Promise<void>((resolve) => { setTimeout(resolve, 1000); }).then(() => (abort.signal.aborted ? undefined : request(retries - 1)));
        }
        setBusy(false);
        setProblem(errorMessage(error));
        return undefined;
      });
    void request(5);
    return () => { clearTimeout(explaining); abort.abort(); };
  }, [name]);
  useLayoutEffect(() => { if (answer && main) restorePlace(); }, [answer]);
  const isLast = first + 2 * PAGE_SIZE > limit;
  const showFrom = (to: number) => {
    go({ from: String(to) });
    scrollTo({ top: 0 });
  };
  return (
    <section aria-label={title ? `Answers, ${title}` : "Answers"} aria-busy={busy}>
      <h2 class={title ? "" : "hidden"} key={title}>{title || "Answers"}</h2>
      {problem && <pre class="problem" role="alert" key={problem}>{problem}</pre>}
      {!problem && answer && (
        <>
          <p class="faint status" role="status"><span key={name}>{describeHits(answer, first, collection, state)}</span></p>
          <div class="notes">{answer.notes?.map((note) => <p class="note" role="status" key={note.message}>{note.message[0]!.toUpperCase() + note.message.slice(1)}.</p>)}</div>
          <HitList answer={answer} state={state} go={go} keyboard={main} best={bestScores.get(ranking)} otherRanks={otherRanks} />
          {main && (first > 0 || answer.more) && (
            <nav class="pages" aria-label="Pages">
              <button disabled={first === 0} onClick={() => showFrom(Math.max(0, first - PAGE_SIZE))}>Previous</button>
              <button disabled={!answer.more || isLast} onClick={() => showFrom(first + PAGE_SIZE)}>Next</button>
              {isLast && answer.hits.length === PAGE_SIZE && <span class="faint">Only the first {limit.toLocaleString("en")} hits can be shown; use a filter to narrow them down.</span>}
            </nav>
          )}
        </>
      )}
      {!problem && !answer && <p class="faint">Searching…</p>}
    </section>
  );
}

/** Which of how many hits are shown, and how long they took. */
function describeHits(answer: Shown, first: number, collection: Collection, { by, filter }: State): string {
  const time = answer.remembered ? "remembered" : `${answer.took_ms.toFixed(0)} ms`;
  const reranked = answer.rerank ? `, ${answer.rerank.passages} reranked` : "";
  if (answer.hits.length === 0) return `${first > 0 ? "No more results." : "No results."} ${time}`;
  const last = first + answer.hits.length;
  const searched = count(collection.stats.passages, "passage");
  const total = answer.more ? (filter ? ", with more to come" : `, of ${searched} searched`) : ` of ${last.toLocaleString("en")}`;
  const what = by === "article" ? "Articles" : "Results";
  return `${what} ${answer.hits[0]!.rank.toLocaleString("en")} to ${last.toLocaleString("en")}${total}, ${time}${reranked}`;
}

/** The last facets by collection: the page does not jump when they arrive again. */
const rememberedFacets = new Map<string, Facet[]>();

/** Checkboxes for the most frequent values of metadata fields. They edit the filter, which can also be typed. */
function Facets({ collection, filter, set }: { collection: string; filter: string; set: (filter: string) => void }) {
  const [facets, setFacets] = useState<Facet[]>(rememberedFacets.get(collection) ?? []);
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    const abort = new AbortController();
    // Facets are optional: filters can be typed.
    get<Facet[]>(at(collection, "facets"), abort.signal).then((found) => { rememberedFacets.set(collection, found); setFacets(found); }).catch(() => setFacets([]));
    return () => abort.abort();
  }, [collection]);
  // A top-level OR binds more weakly than the AND that is added, so it needs parentheses.
  const parts = alternatives(filter).length > 1 ? [`(${filter})`] : conditions(filter);
  const selected = (field: string): string[] => {
    const part = parts.find((part) => part.startsWith(`(${quoted(field)}:`) || part.startsWith(`${quoted(field)}:`)) ?? "";
    return alternatives(part.startsWith("(") ? part.slice(1, -1) : part);
  };
  const toggle = (field: string, value: string) => {
    const test = `${quoted(field)}:${quoted(value)}`;
    const before = selected(field);
    const after = before.includes(test) ? before.filter((other) => other !== test) : [...before, test];
    const others = parts.filter((part) => !part.startsWith(`(${quoted(field)}:`) && !part.startsWith(`${quoted(field)}:`));
    const own = after.length > 1 ? [`(${after.join(" OR ")})`] : after;
    set([...others, ...own].join(" AND "));
  };
  const apply = () => { if (text.trim() !== filter) set(text.trim()); };
  return (
    <details class="facets" open={filter !== "" || (facets.length > 0 && matchMedia("(min-width: 60rem)").matches)}>
      <summary>Filter</summary>
      <form onSubmit={(event) => { event.preventDefault(); apply(); }}>
        <label>Filter expression
          <input dir="auto" value={text} placeholder="year:>=2020 AND NOT tag:sport" onInput={(event) => setText(event.currentTarget.value)} onBlur={apply} />
        </label>
        {filter && <button type="button" onClick={() => set("")}>Clear</button>}
      </form>
      {facets.map((facet) => (
        <fieldset key={facet.field}>
          <legend dir="auto">{facet.field}</legend>
          {facet.values.slice(0, 8).map(({ value, passages }) => (
            <label key={value} class="check">
              <input
                type="checkbox" checked={selected(facet.field).includes(`${quoted(facet.field)}:${quoted(value)}`)}
                onChange={() => toggle(facet.field, value)}
              /> <bdi>{value}</bdi> <span class="faint">{passages.toLocaleString("en")}</span>
            </label>
          ))}
          {facet.values.length + facet.more > 8 && <p class="faint">and {(facet.values.length - 8 + facet.more).toLocaleString("en")} more</p>}
        </fieldset>
      ))}
    </details>
  );
}
