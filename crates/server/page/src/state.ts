// The state of the page, kept in the URL, so that links and the back button work.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface State {
  view: "ask" | "article" | "map" | "collection" | "evaluate";
  c: string;
  q: string;
  mode: string;
  by: string;
  filter: string;
  rerank: string;
  diverse: string;
  /** The offset of the first hit. */
  from: string;
  /** The mode of the second result list, for comparison. */
  mode2: string;
  rerank2: string;
  /** The id of the article, and that of its passage. */
  id: string;
  p: string;
  job: string;
  /** The list of articles: a prefix of their ids, and the page. */
  prefix: string;
  page: string;
}

const DEFAULTS: State = {
  view: "ask", c: "", q: "", mode: "hybrid", by: "passage", filter: "", rerank: "", diverse: "", from: "0",
  mode2: "", rerank2: "", id: "", p: "", job: "", prefix: "", page: "0",
};

/** Queries longer than this go into the fragment, which is not sent: servers refuse long URLs. */
const MAX_QUERY = 4000;

function read(): State {
  const state = { ...DEFAULTS };
  const long = location.hash.startsWith("#q=") ? location.hash.slice(1) : "";
  for (const params of [new URLSearchParams(location.search), new URLSearchParams(long)]) {
    for (const name of Object.keys(DEFAULTS) as (keyof State)[]) {
      const value = params.get(name);
      if (value !== null) (state as Record<string, string>)[name] = value;
    }
  }
  return state;
}

/** The URL of a state. */
export function url(state: State): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== DEFAULTS[name as keyof State]) params.set(name, value);
  }
  let fragment = "";
  if (params.toString().length > MAX_QUERY && params.has("q")) {
    fragment = `#${new URLSearchParams({ q: state.q })}`;
    params.delete("q");
  }
  return `${location.pathname}${params.size > 0 ? `?${params}` : ""}${fragment}`;
}

/** Attributes of a link to a state. Clicks with a modifier key keep their meaning, such as opening a new tab. */
export function linkTo(state: State, go: Go) {
  return {
    href: url(state),
    onClick: (event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      go(state);
    },
  };
}

export type Go = (change: Partial<State>, how?: "push" | "replace") => void;

/** Where one was on a page of the history. */
interface Place {
  /** The view before this one. */
  from?: State["view"];
  scroll?: number;
  /** The passage of the hit that was opened, and how far below the window's top it was. */
  hit?: { passage: string; top: number };
}

function place(): Place {
  return (history.state ?? {}) as Place;
}

/** Keeps where one is, to come back to it. */
function keepPlace() {
  const link = document.activeElement?.closest<HTMLElement>("a[data-passage]");
  const hit = link && { passage: link.dataset["passage"]!, top: link.getBoundingClientRect().top };
  history.replaceState({ ...place(), scroll: scrollY, hit: hit ?? undefined } satisfies Place, "");
}

/** The place to go back to, once; set by the browser's back and forward, and by loading the page again. */
let pending: Place | null = place();

/** Goes back to where one was. Call it once what was there is shown again. */
export function restorePlace() {
  if (!pending) return;
  const { scroll, hit } = pending;
  pending = null;
  const link = hit && document.querySelector<HTMLElement>(`a[data-passage="${CSS.escape(hit.passage)}"]`);
  if (link && hit) {
    link.focus({ preventScroll: true });
    scrollBy({ top: link.getBoundingClientRect().top - hit.top, behavior: "instant" });
  } else if (scroll) scrollTo({ top: scroll, behavior: "instant" });
}

/** The view that one came from, if going back in the history leads to it. */
export function previousView(): State["view"] | undefined {
  return place().from;
}

/** Goes back to the view before, or else to the answers, without a new step in the history. */
export function goBack(go: Go) {
  if (previousView()) history.back();
  else go({ view: "ask" }, "replace");
}

export function useUrl(): [State, Go] {
  const [state, setState] = useState(read);
  const current = useRef(state);
  useEffect(() => {
    history.scrollRestoration = "manual";
    const back = () => {
      pending = place();
      setState(current.current = read());
    };
    addEventListener("popstate", back);
    addEventListener("pagehide", keepPlace);
    return () => {
      removeEventListener("popstate", back);
      removeEventListener("pagehide", keepPlace);
    };
  }, []);
  const go = useCallback<Go>((change, how = "push") => {
    const next = { ...current.current, ...change };
    const target = url(next);
    if (target !== location.pathname + location.search + location.hash) {
      if (how === "push") {
        keepPlace();
        const from = current.current.view === next.view ? place().from : current.current.view;
        history.pushState({ from } satisfies Place, "", target);
        if (current.current.view !== next.view) scrollTo({ top: 0, behavior: "instant" });
      } else history.replaceState(place(), "", target);
      pending = null;
    }
    setState(current.current = next);
  }, []);
  return [state, go];
}
