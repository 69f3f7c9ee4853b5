import "./page.css";
import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { Problem, get, setKey } from "./api";
import { ArticleView } from "./article";
import { AskView } from "./ask";
import { CollectionView } from "./collection";
import { EvaluateView } from "./evaluate";
import { MapView } from "./map";
import { type State, linkTo, useUrl } from "./state";
import { count } from "./text";
import type { Collections } from "./types";

const VIEWS: [State["view"], string][] = [["ask", "Search"], ["map", "Map"], ["evaluate", "Evaluate"], ["collection", "Collection"]];

function App() {
  const [state, go] = useUrl();
  const [all, setAll] = useState<Collections | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const reload = useCallback(async () => {
    try {
      setAll(await get<Collections>("/v1/collections"));
      setProblem(null);
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
      else throw error;
    }
  }, []);
  useEffect(() => void reload(), [reload]);

  const name = state.c || all?.default || all?.collections[0]?.name || "";
  const collection = all?.collections.find((collection) => collection.name === name);
  useEffect(() => {
    const title = state.view === "ask" && state.q ? state.q : VIEWS.find(([view]) => view === state.view)?.[1] ?? "Article";
    document.title = `${title} – nigh`;
  }, [state.view, state.q]);

  const link = (view: State["view"]) => linkTo({ ...state, view }, go);
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
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
                {all.collections.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
              </select>
            </label>
          )}
          <Theme />
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {problem?.status === 401 && <KeyForm retry={reload} />}
        {problem && problem.status !== 401 && (
          <p class="problem" role="alert">{problem.message} <button onClick={() => void reload()}>Try again</button></p>
        )}
        {!problem && !all && <p aria-busy="true" class="faint">Loading…</p>}
        {all && !collection && !all.can_create && <p class="problem" role="alert">There is no collection named {name}.</p>}
        {all && !collection && all.can_create && (
          <CollectionView all={all} collection={undefined} state={state} go={go} reload={reload} />
        )}
        {all && collection && (
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
        {collection && <>{collection.name}: {count(collection.stats.articles, "article")}, {count(collection.stats.passages, "passage")}. </>}
        <a href="/docs/">API</a> · Keys: <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> next and previous result, <kbd>Enter</kbd> open, <kbd>Esc</kbd> back
      </footer>
    </>
  );
}

/** Light, dark, or the system's colour scheme. */
function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("nigh-theme") ?? "auto");
  useEffect(() => {
    localStorage.setItem("nigh-theme", theme);
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

function KeyForm({ retry }: { retry: () => Promise<void> }) {
  const [key, setTyped] = useState("");
  return (
    <form class="card" onSubmit={(event) => { event.preventDefault(); setKey(key.trim()); void retry(); }}>
      <label>This server requires an API key
        <input type="password" autocomplete="off" value={key} onInput={(event) => setTyped(event.currentTarget.value)} placeholder="nigh_…" />
      </label>
      <button>Continue</button>
      <p class="faint">The key is kept until this tab is closed.</p>
    </form>
  );
}

render(<App />, document.getElementById("page")!);
