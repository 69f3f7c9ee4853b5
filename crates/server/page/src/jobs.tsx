// A job: begun, followed to its end, stopped.

import { useEffect, useRef, useState } from "preact/hooks";
import { follow, inWords, send } from "./api";
import type { Job } from "./types";

export interface Running {
  job: Job | null;
  problem: string;
  /** Begins a job and follows it. */
  begin: (start: () => Promise<Job>) => void;
  /** Follows one that was begun before. */
  take: (id: string) => void;
  /** Asks it to stop. */
  stop: () => void;
}

export function useJob(ended?: (job: Job) => void): Running {
  const [job, setJob] = useState<Job | null>(null);
  const [problem, setProblem] = useState("");
  const abort = useRef(new AbortController());
  const gone = useRef(false);
  useEffect(() => () => { gone.current = true; abort.current.abort(); }, []);
  const said = (error: unknown) => {
    if (!(error instanceof DOMException)) setProblem(inWords(error));
  };
  const take = (id: string) => {
    abort.current.abort();
    const mine = abort.current = new AbortController();
    follow(id, (state) => { if (!mine.signal.aborted) setJob(state); }, mine.signal)
      .then((last) => { if (!mine.signal.aborted) { setJob(last); ended?.(last); } })
      .catch(said);
  };
  const begin = (start: () => Promise<Job>) => {
    setProblem("");
    start().then((begun) => {
      if (gone.current) return;
      setJob(begun);
      take(begun.id);
    }).catch(said);
  };
  const stop = () => {
    if (job) send("DELETE", `/v1/jobs/${job.id}`).catch(said);
  };
  return { job, problem, begin, take, stop };
}

/** How far a job is, with a button to stop it, and what there is to know when it has ended. */
export function JobStatus({ running }: { running: Running }) {
  const { job, problem } = running;
  const wrong = problem && <pre class="problem" role="alert">{problem}</pre>;
  if (!job) return wrong || null;
  const unfinished = job.phase === "queued" || job.phase === "running";
  const { what, done, of } = job.progress ?? { what: job.phase === "queued" ? "waiting for other jobs" : "working", done: 0, of: 0 };
  return (
    <div class="job" aria-live="polite">
      {wrong}
      {unfinished && (
        <>
          <p>{what}</p>
          <progress aria-label={what} max={of || 1} value={of ? done : undefined} />
          <button onClick={running.stop}>Stop</button>
        </>
      )}
      {job.phase === "failed" && <pre class="problem" role="alert">{job.error}</pre>}
      {job.phase === "cancelled" && <p>Stopped; what was saved before is kept.</p>}
      {job.notes.length > 0 && (
        <details><summary>{job.notes.length === 1 ? "1 note" : `${job.notes.length} notes`}</summary><ul>{job.notes.map((note) => <li key={note}>{note}</li>)}</ul></details>
      )}
    </div>
  );
}
