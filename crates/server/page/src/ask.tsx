// Ask: answers as one types, filters beside them, and two ways of asking side by side.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Problem, at, get, inWords, withParams } from "./api";
import { HitList } from "./hits";
import type { Go, State } from "./state";
import { choices, conditions, count, quoted } from "./text";
import type { Answer, Collection, Facet, Suggestion } from "./types";

/** How long typing must pause before the server is asked. */
const PAUSE = 180;
/** How long an answer must stand before it is explained: that costs much more than the answer. */
const EXPLAIN = 250;
const PAGE = 10;
/** The most hits that can be turned over, and where each is compared with those before it. */
const MOST = 10000;
const MOST_DIVERSE = 1000;

interface Way { mode: string; rerank: string }

export function AskView({ collection, state, go }: { collection: Collection; state: State; go: Go }) {
  const [typed, setTyped] = useState(state.q);
  const input = useRef<HTMLInputElement>(null);
  // What was asked last from here: only where the question changes otherwise, as by back and forward, does it
  // take the place of what is being typed.
  const asked = useRef(state.q);
  const ask = (q: string, how?: "push" | "replace") => {
    asked.current = q;
    go({ q, from: "0" }, how);
  };
  useEffect(() => {
    if (state.q === asked.current) return;
    asked.current = state.q;
    setTyped(state.q);
  }, [state.q]);
  useEffect(() => {
    if (typed === asked.current) return;
    const timer = setTimeout(() => ask(typed, "replace"), PAUSE);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      const free = !(event.target instanceof HTMLElement && event.target.closest("input, textarea, select"));
      if (event.key === "/" && free && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  useEffect(() => { if (!state.q) input.current?.focus(); }, []);

  const [firstAnswer, setFirst] = useState<Answer | null>(null);
  const ranks = new Map(firstAnswer?.hits.map((hit) => [hit.passage_id, hit.rank]));
  const first: Way = { mode: state.mode, rerank: state.rerank };
  const second: Way | null = state.mode2 ? { mode: state.mode2, rerank: state.rerank2 } : null;
  return (
    <>
      <h1 class="hidden">Ask</h1>
      <form role="search" onSubmit={(event) => { event.preventDefault(); ask(typed); }}>
        <Box collection={collection.name} typed={typed} setTyped={setTyped} input={input} choose={(text) => { setTyped(text); ask(text); }} />
        <div class="options">
          <WayOf title="Mode" way={first} set={(way) => go({ mode: way.mode, rerank: way.rerank, from: "0" })} />
          <label>Rank
            <select value={state.by} onChange={(event) => go({ by: event.currentTarget.value, from: "0" })}>
              <option value="passage">passages</option>
              <option value="article">articles</option>
            </select>
          </label>
          <label class="check">
            <input type="checkbox" checked={state.diverse !== ""} onChange={(event) => go({ diverse: event.currentTarget.checked ? "0.3" : "", from: "0" })} /> unlike one another
          </label>
          <label class="check">
            <input type="checkbox" checked={second !== null} onChange={(event) => go({ mode2: event.currentTarget.checked ? (state.mode === "dense" ? "lexical" : "dense") : "", rerank2: "" })} /> compare
          </label>
          {second && <WayOf title="With" way={second} set={(way) => go({ mode2: way.mode, rerank2: way.rerank })} />}
        </div>
      </form>
      <div class="columns">
        <Facets collection={collection.name} filter={state.filter} set={(filter) => go({ filter, from: "0" })} />
        <div class={second ? "answers two" : "answers"}>
          {!state.q.trim() && <Start collection={collection} />}
          {state.q.trim() && <Answers collection={collection.name} state={state} way={first} go={go} title={second ? described(first) : ""} main answered={setFirst} />}
          {state.q.trim() && second && <Answers collection={collection.name} state={state} way={second} go={go} title={described(second)} beside={ranks} />}
        </div>
      </div>
    </>
  );
}

const MODES: Record<string, string> = { hybrid: "meaning and words", dense: "meaning", lexical: "words" };

function described(way: Way): string {
  const mode = MODES[way.mode] ?? way.mode;
  return way.rerank ? `${mode}, looked at closer` : mode;
}

function WayOf({ title, way, set }: { title: string; way: Way; set: (way: Way) => void }) {
  return (
    <>
      <label>{title}
        <select value={way.mode} onChange={(event) => set({ ...way, mode: event.currentTarget.value })}>
          {Object.entries(MODES).map(([mode, name]) => <option key={mode} value={mode}>{name}</option>)}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={way.rerank !== ""} onChange={(event) => set({ ...way, rerank: event.currentTarget.checked ? "maxsim" : "" })} /> look closer
      </label>
    </>
  );
}

function Start({ collection }: { collection: Collection }) {
  return (
    <p class="faint start">
      Ask {count(collection.stats.articles, "article")} anything, in your own words.
      {collection.stats.articles === 0 && " There are none yet: add some under Collection."}
    </p>
  );
}

interface BoxProps {
  collection: string;
  typed: string;
  setTyped: (text: string) => void;
  choose: (text: string) => void;
  input: { current: HTMLInputElement | null };
}

/** The question, with suggestions to choose from while it is typed. */
function Box({ collection, typed, setTyped, choose, input }: BoxProps) {
  const [suggestions, setSuggestions] = useState<Suggestion[]>([]);
  const [chosen, setChosen] = useState(-1);
  const [open, setOpen] = useState(false);
  const id = useId();
  useEffect(() => {
    if (!open || typed.trim().length < 2) {
      setSuggestions([]);
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      get<Suggestion[]>(withParams(at(collection, "suggest"), { q: typed, limit: 6 }), abort.signal)
        .then((found) => { setSuggestions(found.filter((one) => one.text !== typed)); setChosen(-1); })
        // Without suggestions one can ask all the same.
        .catch(() => setSuggestions([]));
    }, PAUSE / 2);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [collection, typed, open]);
  const shown = open && suggestions.length > 0;
  const take = (suggestion: Suggestion | undefined) => {
    if (suggestion) choose(suggestion.text);
    setOpen(false);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      if (shown) event.stopPropagation();
      setOpen(false);
    } else if (shown && event.key === "ArrowDown") {
      event.preventDefault();
      setChosen((chosen + 1) % suggestions.length);
    } else if (shown && event.key === "ArrowUp") {
      event.preventDefault();
      setChosen(chosen <= 0 ? suggestions.length - 1 : chosen - 1);
    } else if (shown && event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      take(suggestions[chosen]);
    } else if (event.key === "Enter") setOpen(false);
  };
  return (
    <div class="box">
      <input
        ref={input} type="search" role="combobox" list={undefined} aria-label="Your question" aria-expanded={shown} aria-controls={`${id}-list`}
        aria-autocomplete="list" aria-activedescendant={shown && chosen >= 0 ? `${id}-${chosen}` : undefined}
        placeholder="Ask in your own words" autocomplete="off" spellcheck={false} maxLength={20000} value={typed}
        onInput={(event) => { setTyped(event.currentTarget.value); setOpen(true); }}
        onKeyDown={keys} onBlur={() => setOpen(false)}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Suggestions" hidden={!shown}>
        {suggestions.map((suggestion, number) => (
          <li
            key={suggestion.text} id={`${id}-${number}`} role="option" aria-selected={number === chosen}
            onMouseDown={(event) => { event.preventDefault(); take(suggestion); }}
          >
            {suggestion.text} <span class="faint">{suggestion.kind === "title" ? "title" : "asked in an article"}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface AnswersProps {
  collection: string;
  state: State;
  way: Way;
  go: Go;
  title: string;
  main?: boolean;
  answered?: (answer: Answer) => void;
  /** The ranks that the other way gives. */
  beside?: Map<string, number>;
}

/** The answer in one way, the last one kept in sight until the next is there. */
function Answers({ collection, state, way, go, title, main = false, answered, beside }: AnswersProps) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const { q, by, filter, diverse, from } = state;
  useEffect(() => {
    const abort = new AbortController();
    setBusy(true);
    const params = { q, k: PAGE, offset: from, mode: way.mode, by, filter, diverse, rerank: way.rerank };
    // First the answer, which is there at once; then, if typing has stopped, why it is what it is and the best sentences.
    const explain = () => setTimeout(() => {
      get<Answer>(withParams(at(collection, "search"), { ...params, explain: true }), abort.signal)
        .then((found) => setAnswer((shown) => ({ ...found, took_ms: shown?.took_ms ?? found.took_ms })))
        // The answer stands without.
        .catch(() => undefined);
    }, EXPLAIN);
    let explaining: ReturnType<typeof setTimeout> | undefined;
    const ask = (again: number): Promise<void> => get<Answer>(withParams(at(collection, "search"), params), abort.signal)
      .then((found) => { setAnswer(found); answered?.(found); setProblem(""); setBusy(false); explaining = explain(); })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return undefined;
        // Too many ask at once: wait and come again, as the server says.
        if (error instanceof Problem && error.status === 429 && again > 0) {
          return new Promise<void>((resolve) => { setTimeout(resolve, 1000); }).then(() => (abort.signal.aborted ? undefined : ask(again - 1)));
        }
        setBusy(false);
        setProblem(inWords(error));
        return undefined;
      });
    void ask(5);
    return () => { clearTimeout(explaining); abort.abort(); };
  }, [collection, q, by, filter, diverse, from, way.mode, way.rerank]);
  const first = Number(from) || 0;
  const most = diverse ? MOST_DIVERSE : MOST;
  const turn = (to: number) => {
    go({ from: String(to) });
    scrollTo({ top: 0 });
  };
  return (
    <section aria-label={title ? `Answers, ${title}` : "Answers"} aria-busy={busy}>
      <h2 class={title ? "" : "hidden"}>{title || "Answers"}</h2>
      {problem && <pre class="problem" role="alert">{problem}</pre>}
      {!problem && answer && (
        <>
          <p class="faint" role="status">
            {answer.hits.length === 0 ? (first > 0 ? "No more." : "Nothing found.") : `${answer.hits[0]!.rank.toLocaleString("en")} to ${(first + answer.hits.length).toLocaleString("en")}, ${answer.took_ms.toFixed(0)} ms`}
            {answer.rerank && `, ${answer.rerank.passages} looked at closer`}
          </p>
          {answer.notes?.map((note) => <p class="note" role="status" key={note.message}>{note.message[0]!.toUpperCase() + note.message.slice(1)}.</p>)}
          <HitList answer={answer} state={state} go={go} keyboard={main} beside={beside} />
          {main && (first > 0 || answer.hits.length === PAGE) && (
            <nav class="pages" aria-label="Pages">
              <button disabled={first === 0} onClick={() => turn(Math.max(0, first - PAGE))}>Better ones</button>
              <button disabled={answer.hits.length < PAGE || first + 2 * PAGE > most} onClick={() => turn(first + PAGE)}>Further ones</button>
              {first + 2 * PAGE > most && <span class="faint">The first {most.toLocaleString("en")} are all that can be shown; a filter narrows them.</span>}
            </nav>
          )}
        </>
      )}
      {!problem && !answer && <p class="faint">Asking…</p>}
    </section>
  );
}

/** Fields and their commonest values, to be ticked; what is ticked is a filter, which can be written by hand too. */
function Facets({ collection, filter, set }: { collection: string; filter: string; set: (filter: string) => void }) {
  const [facets, setFacets] = useState<Facet[]>([]);
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => {
    const abort = new AbortController();
    // Without them, filters can be written.
    get<Facet[]>(at(collection, "facets"), abort.signal).then(setFacets).catch(() => setFacets([]));
    return () => abort.abort();
  }, [collection]);
  // A choice at the top binds less than what is added to it.
  const parts = choices(filter).length > 1 ? [`(${filter})`] : conditions(filter);
  const chosen = (field: string): string[] => {
    const part = parts.find((part) => part.startsWith(`(${quoted(field)}:`) || part.startsWith(`${quoted(field)}:`)) ?? "";
    return choices(part.startsWith("(") ? part.slice(1, -1) : part);
  };
  const toggle = (field: string, value: string) => {
    const test = `${quoted(field)}:${quoted(value)}`;
    const before = chosen(field);
    const after = before.includes(test) ? before.filter((one) => one !== test) : [...before, test];
    const others = parts.filter((part) => !part.startsWith(`(${quoted(field)}:`) && !part.startsWith(`${quoted(field)}:`));
    const own = after.length > 1 ? [`(${after.join(" OR ")})`] : after;
    set([...others, ...own].join(" AND "));
  };
  const written = () => { if (text.trim() !== filter) set(text.trim()); };
  return (
    <details class="facets" open={filter !== "" || (facets.length > 0 && matchMedia("(min-width: 60rem)").matches)}>
      <summary>Filter</summary>
      <form onSubmit={(event) => { event.preventDefault(); written(); }}>
        <label>Which articles may answer
          <input value={text} placeholder="year:>=2020 AND NOT tag:sport" onInput={(event) => setText(event.currentTarget.value)} onBlur={written} />
        </label>
        {filter && <button type="button" onClick={() => set("")}>Clear</button>}
      </form>
      {facets.map((facet) => (
        <fieldset key={facet.field}>
          <legend>{facet.field}</legend>
          {facet.values.slice(0, 8).map(({ value, passages }) => (
            <label key={value} class="check">
              <input
                type="checkbox" checked={chosen(facet.field).includes(`${quoted(facet.field)}:${quoted(value)}`)}
                onChange={() => toggle(facet.field, value)}
              /> {value} <span class="faint">{passages.toLocaleString("en")}</span>
            </label>
          ))}
          {facet.values.length + facet.more > 8 && <p class="faint">and {(facet.values.length - 8 + facet.more).toLocaleString("en")} more</p>}
        </fieldset>
      ))}
    </details>
  );
}
