// Jobs of the server: starting, following and cancelling them.

import { useEffect, useRef, useState } from "preact/hooks";
import { errorMessage, followJob, send } from "./api";
import type { Job } from "./types";

export interface Running {
  job: Job | null;
  problem: string;
  /** Starts a job and follows it. */
  start: (start: () => Promise<Job>) => void;
  /** Follows a job that was started before. */
  follow: (id: string) => void;
  /** Requests cancellation. */
  stop: () => void;
}

export function useJob(ended?: (job: Job) => void): Running {
  const [job, setJob] = useState<Job | null>(null);
  const [problem, setProblem] = useState("");
  const abort = useRef(new AbortController());
  const unmounted = useRef(false);
  useEffect(() => () => { unmounted.current = true; abort.current.abort(); }, []);
  const report = (error: unknown) => {
    if (!(error instanceof DOMException)) setProblem(errorMessage(error));
  };
  const follow = (id: string) => {
    abort.current.abort();
    const own = abort.current = new AbortController();
    followJob(id, (state) => { if (!own.signal.aborted) setJob(state); }, own.signal)
      .then((last) => { if (!own.signal.aborted) { setJob(last); ended?.(last); } })
      .catch(report);
  };
  const start = (request: () => Promise<Job>) => {
    setProblem("");
    request().then((started) => {
      if (unmounted.current) return;
      setJob(started);
      follow(started.id);
    }).catch(report);
  };
  const stop = () => {
    if (job) send("DELETE", `v1/jobs/${job.id}`).catch(report);
  };
  return { job, problem, start, follow, stop };
}

/** The progress of a job with a button to cancel it, and its errors and notes. */
export function JobStatus({ running }: { running: Running }) {
  const { job, problem } = running;
  const alert = problem && <pre class="problem" role="alert">{problem}</pre>;
  if (!job) return alert || null;
  const unfinished = job.phase === "queued" || job.phase === "running";
  const { what, done, of } = job.progress ?? { what: job.phase === "queued" ? "waiting for other jobs" : "working", done: 0, of: 0 };
  return (
    <div class="job" aria-live="polite">
      {alert}
      {unfinished && (
        <>
          <p key={what}>{what}</p>
          <progress aria-label={what} max={of || 1} value={of ? done : undefined} />
          <button onClick={running.stop}>Stop</button>
        </>
      )}
      {job.phase === "failed" && <pre class="problem" role="alert">{job.error}</pre>}
      {job.phase === "cancelled" && <p>Cancelled. Everything saved before is kept.</p>}
      {job.notes.length > 0 && (
        <details><summary>{job.notes.length === 1 ? "1 note" : `${job.notes.length} notes`}</summary><ul>{job.notes.map((note) => <li key={note} dir="auto">{note}</li>)}</ul></details>
      )}
    </div>
  );
}
