import "./page.css";
import "./translators";
import { render } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem, UNAUTHORIZED, get } from "./api";
import { ArticleView } from "./article";
import { AskView } from "./ask";
import { CollectionView } from "./collection";
import { EvaluateView } from "./evaluate";
import { askOtherTabs, dropKey, getKey, setKey } from "./key";
import { MapView } from "./map";
import { type Go, type State, linkTo, useUrl } from "./state";
import { local } from "./storage";
import { count } from "./text";
import type { Collections } from "./types";

const VIEWS: [State["view"], string][] = [["ask", "Search"], ["map", "Map"], ["evaluate", "Evaluate"], ["collection", "Collection"]];

function App() {
  const [state, go] = useUrl();
  const [all, setAll] = useState<Collections | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  // What became of a key that was entered, or that was known before.
  const [refused, setRefused] = useState("");
  const reload = useCallback(async () => {
    try {
      setAll(await get<Collections>("v1/collections"));
      setProblem(null);
      setRefused("");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401 && !getKey() && await askOtherTabs()) return reload();
      setProblem(error);
    }
  }, []);
  useEffect(() => void reload(), [reload]);
  useEffect(() => {
    // A key may be taken back while the page is open.
    const ask = () => {
      if (getKey()) setRefused("This server does not know this key (any more). Check it for typing errors, or ask for another one.");
      dropKey();
      setProblem(new Problem(401, "an API key is needed"));
    };
    addEventListener(UNAUTHORIZED, ask);
    return () => removeEventListener(UNAUTHORIZED, ask);
  }, []);
  const isLocked = problem?.status === 401;

  const name = state.c || all?.default || all?.collections[0]?.name || "";
  const collection = all?.collections.find((collection) => collection.name === name);
  useEffect(() => {
    const title = state.view === "ask" && state.q ? state.q : VIEWS.find(([view]) => view === state.view)?.[1] ?? "Article";
    document.title = `${title} – nigh`;
  }, [state.view, state.q]);

  const link = (view: State["view"]) => linkTo({ ...state, view }, go);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to content</a>
      <header>
        <a class="brand" {...link("ask")}>nigh</a>
        <nav aria-label="Views">
          {VIEWS.map(([view, title]) => (
            <a key={view} {...link(view)} aria-current={state.view === view ? "page" : undefined}>{title}</a>
          ))}
        </nav>
        <span class="end">
          {all && all.collections.length > 1 && (
            <label class="inline">
              <span class="hidden">Collection</span>
              <select value={name} onChange={(event) => go({ c: event.currentTarget.value, from: "0", id: "", filter: "", job: "", prefix: "", page: "0", view: state.view === "article" ? "ask" : state.view })}>
                {!collection && <option value={name}>none</option>}
                {all.collections.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
              </select>
            </label>
          )}
          <Theme />
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {isLocked && <KeyForm retry={reload} refused={refused} />}
        {problem && problem.status !== 401 && (
          <p class="problem" role="alert">{problem.message} <button onClick={() => void reload()}>Try again</button></p>
        )}
        {!problem && !all && <p aria-busy="true" class="faint">Loading…</p>}
        {all && !isLocked && !collection && name && <Unknown name={name} all={all} go={go} />}
        {all && !isLocked && !collection && !name && !all.can_create && <p class="problem" role="alert">This server has no collection.</p>}
        {all && !isLocked && !collection && all.can_create && (
          <CollectionView all={all} collection={undefined} state={state} go={go} reload={reload} />
        )}
        {all && !isLocked && collection && (
          <>
            {state.view === "ask" && <AskView key={name} collection={collection} state={state} go={go} />}
            {state.view === "article" && <ArticleView collection={name} state={state} go={go} />}
            {state.view === "map" && <MapView key={name} collection={name} state={state} go={go} />}
            {state.view === "evaluate" && <EvaluateView key={name} collection={collection} state={state} go={go} />}
            {state.view === "collection" && <CollectionView key={name} all={all} collection={collection} state={state} go={go} reload={reload} />}
          </>
        )}
      </main>
      <footer class="faint">
        {collection && <span key={JSON.stringify(collection.stats)}>{collection.name}: {count(collection.stats.articles, "article")}, {count(collection.stats.passages, "passage")}.</span>}
        <a href="docs/">API</a>
        <span class="keys">Keys: <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> next and previous result, <kbd>Enter</kbd> open, <kbd>Esc</kbd> back</span>
      </footer>
    </>
  );
}

/** Light, dark, or the system's colour scheme. */
function Theme() {
  const [theme, setTheme] = useState(local.get("nigh-theme") ?? "auto");
  useEffect(() => {
    local.set("nigh-theme", theme);
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  return (
    <label class="inline">
      <span class="hidden">Colours</span>
      <select value={theme} onChange={(event) => setTheme(event.currentTarget.value)}>
        <option value="auto">Colours: auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

/** A collection that is not there, and those that are. */
function Unknown({ name, all, go }: { name: string; all: Collections; go: Go }) {
  return (
    <div class="problem" role="alert">
      <p>There is no collection named <bdi>{name}</bdi>. {all.collections.length > 0 ? "There are:" : "There are none yet."}</p>
      {all.collections.length > 0 && (
        <ul>{all.collections.map((one) => <li key={one.name}><button onClick={() => go({ c: one.name, filter: "", from: "0", view: "ask" })}>{one.name}</button> {count(one.stats.articles, "article")}</li>)}</ul>
      )}
    </div>
  );
}

function KeyForm({ retry, refused }: { retry: () => Promise<void>; refused: string }) {
  const [key, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async () => {
    setKey(key.trim());
    setBusy(true);
    await retry();
    setBusy(false);
    input.current?.focus();
    input.current?.select();
  };
  return (
    <form class="card" onSubmit={(event) => { event.preventDefault(); if (key.trim()) void submit(); }}>
      <label>This server requires an API key
        <input
          ref={input} type="password" required autocomplete="off" size={50} value={key} placeholder="nigh_…"
          aria-invalid={refused !== ""} aria-describedby="key-refused" onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <div id="key-refused" role="alert">{refused && !busy && <p class="problem">{refused}</p>}</div>
      <button disabled={busy}>{busy ? "Trying…" : "Continue"}</button>
      <p class="faint">The key is kept until this tab is closed.</p>
    </form>
  );
}

render(<App />, document.getElementById("page")!);
