// The map: passages as points in the plane, with the question and its nearest neighbours.

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, at, errorMessage } from "./api";
import { openArticle } from "./hits";
import { type Go, type State, linkTo, restorePlace } from "./state";
import { count } from "./text";
import type { MapData, Point } from "./types";

/** The margin around the points, in CSS pixels. */
const MARGIN = 24;

export function MapView({ collection, state, go }: { collection: string; state: State; go: Go }) {
  const [data, setData] = useState<MapData | null>(null);
  const [problem, setProblem] = useState("");
  const [typed, setTyped] = useState(state.q);
  const [active, setActive] = useState<Point | null>(null);
  useEffect(() => setTyped(state.q), [state.q]);
  useEffect(() => {
    const abort = new AbortController();
    ask<MapData>(at(collection, "map"), { q: state.q }, abort.signal)
      .then((found) => { setData(found); setProblem(""); })
      .catch((error: unknown) => { if (!abort.signal.aborted) setProblem(errorMessage(error)); });
    return () => abort.abort();
  }, [collection, state.q]);
  useEffect(() => { if (data) restorePlace(); }, [data]);
  return (
    <>
      <h1>Map</h1>
      <form role="search" class="options" onSubmit={(event) => { event.preventDefault(); go({ q: typed }); }}>
        <label>Question <input type="search" dir="auto" maxLength={20000} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} /></label>
        <button>Show</button>
      </form>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {!data && !problem && <p class="faint" aria-busy="true">Drawing…</p>}
      {data && (
        <div class="columns map">
          <figure>
            <Plane data={data} active={active} setActive={setActive} open={(point) => go(openArticle(state, point.article_id, point.passage_id))} />
            <figcaption class="faint" aria-live="polite">
              {active ? <bdi key={active.passage_id}>{active.title || active.article_id} ({active.passage_id})</bdi> : `${count(data.points.length, "passage")}${data.points.length < data.passages ? ` of ${data.passages.toLocaleString("en")}` : ""} in the plane of their first two principal components. Points close together often, but not always, have similar meanings.`}
            </figcaption>
          </figure>
          {data.neighbours.length > 0 && (
            <section aria-labelledby="neighbours">
              <h2 id="neighbours">Nearest neighbours</h2>
              <ol>
                {data.neighbours.map((point) => {
                  const target = openArticle(state, point.article_id, point.passage_id);
                  return <li key={point.passage_id}><a data-passage={point.passage_id} {...linkTo(target, go)}><bdi>{point.title || point.article_id}</bdi></a> <bdi class="faint">{point.passage_id}</bdi></li>;
                })}
              </ol>
            </section>
          )}
        </div>
      )}
    </>
  );
}

interface PlaneProps { data: MapData; active: Point | null; setActive: (point: Point | null) => void; open: (point: Point) => void }

function Plane({ data, active, setActive, open }: PlaneProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState(0);
  useEffect(() => {
    const measure = () => setSize(Math.min(canvas.current?.parentElement?.clientWidth ?? 0, 720));
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  const toCanvas = (x: number, y: number): [number, number] => {
    const half = size / 2 - MARGIN;
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
      context.arc(...toCanvas(x, y), radius, 0, 2 * Math.PI);
      context.fill();
    };
    context.fillStyle = colour("--point");
    for (const point of data.points) dot(point.x, point.y, 2);
    if (data.question) {
      const [x, y] = data.question;
      context.strokeStyle = colour("--near");
      context.globalAlpha = 0.4;
      for (const point of data.neighbours) {
        context.beginPath();
        context.moveTo(...toCanvas(x, y));
        context.lineTo(...toCanvas(point.x, point.y));
        context.stroke();
      }
      context.globalAlpha = 1;
      context.fillStyle = colour("--near");
      for (const point of data.neighbours) dot(point.x, point.y, 4);
      context.fillStyle = colour("--accent");
      dot(x, y, 7);
    }
    if (active) {
      context.strokeStyle = colour("--accent");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...toCanvas(active.x, active.y), 8, 0, 2 * Math.PI);
      context.stroke();
    }
  });
  // The nearest point within 45 degrees of the direction of an arrow key.
  const step = (right: number, up: number): Point | null => {
    const [fromX, fromY] = active ? [active.x, active.y] : data.question ?? [0, 0];
    let [best, distance]: [Point | null, number] = [null, Infinity];
    for (const point of [...data.neighbours, ...data.points]) {
      const [x, y] = [point.x - fromX, point.y - fromY];
      const along = x * right + y * up;
      const dist = Math.hypot(x, y);
      if (along > 0.7 * dist && dist > 0 && dist < distance) [best, distance] = [point, dist];
    }
    return best;
  };
  const onKey = (event: KeyboardEvent) => {
    const direction = ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[event.key];
    const point = direction && step(...direction);
    if (point) {
      event.preventDefault();
      setActive(point);
    } else if (event.key === "Enter" && active) open(active);
  };
  const nearest = (event: MouseEvent): Point | null => {
    const [atX, atY] = [event.offsetX, event.offsetY];
    let [best, distance]: [Point | null, number] = [null, 12];
    for (const point of [...data.neighbours, ...data.points]) {
      const [x, y] = toCanvas(point.x, point.y);
      const dist = Math.hypot(x - atX, y - atY);
      if (dist < distance) [best, distance] = [point, dist];
    }
    return best;
  };
  return (
    <canvas
      ref={canvas} style={{ width: `${size}px`, height: `${size}px` }} role="application" tabIndex={0}
      aria-label={`Map of ${data.points.length} passages${data.question ? ", with the question and its nearest passages, which are also listed" : ""}: arrow keys move between points, Enter opens one`}
      onKeyDown={onKey} onBlur={() => setActive(null)}
      onMouseMove={(event) => setActive(nearest(event))} onMouseLeave={() => setActive(null)}
      onClick={(event) => { const point = nearest(event); if (point) open(point); }}
    />
  );
}
