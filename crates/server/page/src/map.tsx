// The map: passages as points, the question among them, its neighbours lit.

import { useEffect, useRef, useState } from "preact/hooks";
import { at, get, inWords, withParams } from "./api";
import { openArticle } from "./hits";
import { type Go, type State, linkTo } from "./state";
import { count } from "./text";
import type { Drawn, Point } from "./types";

const EDGE = 24;

export function MapView({ collection, state, go }: { collection: string; state: State; go: Go }) {
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [problem, setProblem] = useState("");
  const [typed, setTyped] = useState(state.q);
  const [near, setNear] = useState<Point | null>(null);
  useEffect(() => setTyped(state.q), [state.q]);
  useEffect(() => {
    const abort = new AbortController();
    get<Drawn>(withParams(at(collection, "map"), { q: state.q }), abort.signal)
      .then((found) => { setDrawn(found); setProblem(""); })
      .catch((error: unknown) => { if (!abort.signal.aborted) setProblem(inWords(error)); });
    return () => abort.abort();
  }, [collection, state.q]);
  return (
    <>
      <h1>Map</h1>
      <form role="search" class="options" onSubmit={(event) => { event.preventDefault(); go({ q: typed }); }}>
        <label>A question on it <input type="search" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} /></label>
        <button>Show</button>
      </form>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {!drawn && !problem && <p class="faint" aria-busy="true">Drawing…</p>}
      {drawn && (
        <div class="columns map">
          <figure>
            <Plane drawn={drawn} near={near} hover={setNear} open={(point) => go(openArticle(state, point.article_id, point.passage_id))} />
            <figcaption class="faint" aria-live="polite">
              {near ? `${near.title || near.article_id} (${near.passage_id})` : `${count(drawn.points.length, "passage")}${drawn.points.length < drawn.passages ? ` of ${drawn.passages.toLocaleString("en")}` : ""} in the plane of the two directions in which they differ most: near here is often, not always, near in meaning.`}
            </figcaption>
          </figure>
          {drawn.neighbours.length > 0 && (
            <section aria-labelledby="near">
              <h2 id="near">Nearest in meaning</h2>
              <ol>
                {drawn.neighbours.map((point) => {
                  const target = openArticle(state, point.article_id, point.passage_id);
                  return <li key={point.passage_id}><a {...linkTo(target, go)}>{point.title || point.article_id}</a> <span class="faint">{point.passage_id}</span></li>;
                })}
              </ol>
            </section>
          )}
        </div>
      )}
    </>
  );
}

interface PlaneProps { drawn: Drawn; near: Point | null; hover: (point: Point | null) => void; open: (point: Point) => void }

function Plane({ drawn, near, hover, open }: PlaneProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState(0);
  useEffect(() => {
    const measure = () => setSize(Math.min(canvas.current?.parentElement?.clientWidth ?? 0, 720));
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  const place = (x: number, y: number): [number, number] => {
    const half = size / 2 - EDGE;
    const inside = (value: number) => Math.max(-1.05, Math.min(1.05, value));
    return [size / 2 + half * inside(x), size / 2 - half * inside(y)];
  };
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !canvas.current || size === 0) return;
    const density = devicePixelRatio || 1;
    canvas.current.width = canvas.current.height = size * density;
    context.scale(density, density);
    const style = getComputedStyle(canvas.current);
    const colour = (name: string) => style.getPropertyValue(name);
    const dot = (x: number, y: number, radius: number) => {
      context.beginPath();
      context.arc(...place(x, y), radius, 0, 2 * Math.PI);
      context.fill();
    };
    context.fillStyle = colour("--point");
    for (const point of drawn.points) dot(point.x, point.y, 2);
    if (drawn.question) {
      const [x, y] = drawn.question;
      context.strokeStyle = colour("--near");
      context.globalAlpha = 0.4;
      for (const point of drawn.neighbours) {
        context.beginPath();
        context.moveTo(...place(x, y));
        context.lineTo(...place(point.x, point.y));
        context.stroke();
      }
      context.globalAlpha = 1;
      context.fillStyle = colour("--near");
      for (const point of drawn.neighbours) dot(point.x, point.y, 4);
      context.fillStyle = colour("--accent");
      dot(x, y, 7);
    }
    if (near) {
      context.strokeStyle = colour("--accent");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...place(near.x, near.y), 8, 0, 2 * Math.PI);
      context.stroke();
    }
  });
  // The arrow keys go on to the next point that lies more that way than another.
  const step = (right: number, up: number): Point | null => {
    const [fromX, fromY] = near ? [near.x, near.y] : drawn.question ?? [0, 0];
    let [best, distance]: [Point | null, number] = [null, Infinity];
    for (const point of [...drawn.neighbours, ...drawn.points]) {
      const [x, y] = [point.x - fromX, point.y - fromY];
      const along = x * right + y * up;
      const here = Math.hypot(x, y);
      if (along > 0.7 * here && here > 0 && here < distance) [best, distance] = [point, here];
    }
    return best;
  };
  const keys = (event: KeyboardEvent) => {
    const way = ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[event.key];
    if (way) {
      event.preventDefault();
      const point = step(...way);
      if (point) hover(point);
    } else if (event.key === "Enter" && near) open(near);
  };
  const nearest = (event: MouseEvent): Point | null => {
    const [atX, atY] = [event.offsetX, event.offsetY];
    let [best, distance]: [Point | null, number] = [null, 12];
    for (const point of [...drawn.neighbours, ...drawn.points]) {
      const [x, y] = place(point.x, point.y);
      const here = Math.hypot(x - atX, y - atY);
      if (here < distance) [best, distance] = [point, here];
    }
    return best;
  };
  return (
    <canvas
      ref={canvas} style={{ width: `${size}px`, height: `${size}px` }} role="application" tabIndex={0}
      aria-label={`Map of ${drawn.points.length} passages${drawn.question ? ", the question and its nearest passages, which the list names" : ""}: arrow keys go from point to point, Enter opens`}
      onKeyDown={keys} onBlur={() => hover(null)}
      onMouseMove={(event) => hover(nearest(event))} onMouseLeave={() => hover(null)}
      onClick={(event) => { const point = nearest(event); if (point) open(point); }}
    />
  );
}
