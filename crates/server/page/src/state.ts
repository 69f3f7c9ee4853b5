// What is shown, kept in the URL: a link to it shows the same, and back goes back.

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
  /** How many hits are passed over. */
  from: string;
  /** Another way of asking, beside the first one. */
  mode2: string;
  rerank2: string;
  /** The article, and its passage. */
  id: string;
  p: string;
  job: string;
  /** Which articles are listed: those whose id begins so, and the page of them. */
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

/** A link to a state; opened elsewhere if the browser is asked for that. */
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
