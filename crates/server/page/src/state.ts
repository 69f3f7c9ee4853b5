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

function read(): State {
  const params = new URLSearchParams(location.search);
  const state = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof State)[]) {
    const value = params.get(name);
    if (value !== null) (state as Record<string, string>)[name] = value;
  }
  return state;
}

/** The URL of a state. */
export function url(state: State): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (value !== DEFAULTS[name as keyof State]) params.set(name, value);
  }
  const text = params.toString();
  return text ? `/?${text}` : "/";
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

export function useUrl(): [State, Go] {
  const [state, setState] = useState(read);
  const current = useRef(state);
  useEffect(() => {
    const back = () => setState(current.current = read());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const go = useCallback<Go>((change, how = "push") => {
    const next = { ...current.current, ...change };
    if (url(next) !== location.pathname + location.search) history[how === "push" ? "pushState" : "replaceState"](null, "", url(next));
    setState(current.current = next);
  }, []);
  return [state, go];
}
