// The evaluation view: runs judged questions, shows metrics with confidence intervals and causes of misses.

import { useEffect, useState } from "preact/hooks";
import { at, errorMessage, save, send } from "./api";
import { JobStatus, useJob } from "./jobs";
import { getKey } from "./key";
import type { Go, State } from "./state";
import { count } from "./text";
import type { Collection, Job, Verdict } from "./types";

export function EvaluateView({ collection, state, go }: { collection: Collection; state: State; go: Go }) {
  const [qa, setQa] = useState(collection.stats.questions > 0);
  const [queries, setQueries] = useState<File | null>(null);
  const [qrels, setQrels] = useState<File | null>(null);
  const [modes, setModes] = useState(["hybrid", "dense", "lexical"]);
  const [rerank, setRerank] = useState(false);
  const running = useJob();
  const { job } = running;
  // The URL of an evaluation shows it.
  useEffect(() => { if (state.job) running.follow(state.job); }, []);
  const start = async (): Promise<Job> => {
    const started = await send<Job>("POST", at(collection.name, "evaluate"), {
      qa, modes,
      ...(queries && { queries: await queries.text() }),
      ...(qrels && { qrels: await qrels.text() }),
      ...(rerank && { rerank: "maxsim" }),
    });
    go({ job: started.id }, "replace");
    return started;
  };
  const toggle = (mode: string) => setModes(modes.includes(mode) ? modes.filter((other) => other !== mode) : [...modes, mode]);
  const busy = job?.phase === "queued" || job?.phase === "running";
  const verdict = job?.phase === "done" && job.kind === "evaluate" ? job.result as Verdict | null : null;
  return (
    <>
      <h1>Evaluate</h1>
      <form class="card" onSubmit={(event) => { event.preventDefault(); running.start(start); }}>
        <label class="check">
          <input type="checkbox" checked={qa} disabled={collection.stats.questions === 0} onChange={(event) => setQa(event.currentTarget.checked)} />
          {collection.stats.questions === 0 ? "questions in the articles: there are none" : `the ${count(collection.stats.questions, "question")} in the articles`}
        </label>
        <label>Your own questions (JSON lines with _id and text)
          <input type="file" accept=".jsonl,.json" onChange={(event) => setQueries(event.currentTarget.files?.[0] ?? null)} />
        </label>
        <label>Judgements (qrels, or JSON lines with query-id and answers)
          <input type="file" accept=".jsonl,.json,.tsv,.txt,.qrels" onChange={(event) => setQrels(event.currentTarget.files?.[0] ?? null)} />
        </label>
        <fieldset class="options">
          <legend>Systems</legend>
          {([["hybrid", "hybrid"], ["dense", "semantic"], ["lexical", "keywords"]] as const).map(([mode, title]) => (
            <label key={mode} class="check"><input type="checkbox" checked={modes.includes(mode)} onChange={() => toggle(mode)} /> {title}</label>
          ))}
          <label class="check"><input type="checkbox" checked={rerank} onChange={(event) => setRerank(event.currentTarget.checked)} /> also reranked</label>
        </fieldset>
        <button disabled={busy || modes.length === 0 || (!qa && !queries)}>Evaluate</button>
        {!qa && !queries && <p class="faint">Choose {collection.stats.questions > 0 && "the questions in the articles, or "}a file with questions of your own.</p>}
        {modes.length === 0 && <p class="faint">Choose at least one system.</p>}
      </form>
      <JobStatus running={running} />
      {verdict && job && <VerdictView verdict={verdict} job={job.id} />}
    </>
  );
}

function VerdictView({ verdict, job }: { verdict: Verdict; job: string }) {
  const [problem, setProblem] = useState("");
  const tested = verdict.comparisons.filter((one) => one.metric === verdict.primary && one.test === "paired randomization");
  return (
    <section aria-labelledby="verdict">
      <h2 id="verdict">Results for {count(verdict.queries, "question")}</h2>
      <p>
        {getKey()
          ? <button onClick={() => save(`v1/jobs/${job}/report`, "report.html").then(() => setProblem("")).catch((error: unknown) => setProblem(errorMessage(error)))}>Save the full report</button>
          : <a href={`v1/jobs/${job}/report`} target="_blank" rel="noopener">The full report</a>}
      </p>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {verdict.notes.map((note) => <p key={note.message} class="faint">{note.path ? `${note.path}: ` : ""}{note.message}</p>)}
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures">
        <table>
          <thead><tr><th>System</th>{verdict.metrics.map((metric) => <th key={metric} class="number">{metric}</th>)}</tr></thead>
          <tbody>
            {verdict.systems.map((system) => (
              <tr key={system.name}>
                <th scope="row">{system.name}</th>
                {verdict.metrics.map((metric) => {
                  const figure = system.metrics[metric];
                  return <td key={metric} class="number">{figure && <>{figure.mean.toFixed(3)} <span class="faint">{figure.ci95[0].toFixed(2)}–{figure.ci95[1].toFixed(2)}</span></>}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Intervals verdict={verdict} />
      {tested.length > 0 && (
        <>
          <h3>Are the differences in {verdict.primary} significant?</h3>
          <ul>
            {tested.map((one) => {
              const [better, worse, by] = one.difference < 0 ? [one.b, one.a, -one.difference] : [one.a, one.b, one.difference];
              const p = `+${by.toFixed(4)}, p ${one.p_holm.toFixed(4)}`;
              return <li key={one.a + one.b}>{one.p_holm < 0.05 ? <><strong>{better}</strong> is better than {worse}: {p}</> : <>{better} and {worse} do not differ significantly: {p}</>}</li>;
            })}
          </ul>
          <p class="faint">Paired randomization test, Holm correction.</p>
        </>
      )}
      <Losses verdict={verdict} />
      {verdict.worst.length > 0 && (
        <details>
          <summary>Worst questions</summary>
          {verdict.worst.map((one) => (
            <div key={one.query} class="card">
              <h3 dir="auto">{one.text || one.query}</h3>
              <p class="faint">{verdict.primary} {one.value.toFixed(3)}</p>
              {one.expected.map((expected) => <p key={expected.id}><strong>Expected</strong>{expected.rank ? `, found at ${expected.rank}` : ", not found"}: <bdi>{expected.text}</bdi></p>)}
              {one.found.map((found) => <p key={found.id}><strong>{found.rank}{found.relevant ? ", relevant" : ""}</strong>: <bdi>{found.text}</bdi></p>)}
            </div>
          ))}
        </details>
      )}
    </section>
  );
}

/** The primary metric of each system with its confidence interval. */
function Intervals({ verdict }: { verdict: Verdict }) {
  return (
    <figure>
      <figcaption>{verdict.primary} with its 95 % confidence interval</figcaption>
      <div class="intervals" aria-hidden="true">
        {verdict.systems.map((system) => {
          const figure = system.metrics[verdict.primary];
          if (!figure) return null;
          const [low, high] = figure.ci95;
          return (
            <div key={system.name} class="row">
              <span>{system.name}</span>
              <span class="track"><span class="range" style={{ left: `${100 * low}%`, width: `${100 * (high - low)}%` }} /><span class="dot" style={{ left: `${100 * figure.mean}%` }} /></span>
            </div>
          );
        })}
      </div>
    </figure>
  );
}

function Losses({ verdict }: { verdict: Verdict }) {
  const { losses } = verdict;
  const causes = losses.causes.filter((cause) => losses.systems.some((system) => (system.by_cause[cause] ?? 0) > 0));
  if (causes.length === 0) return <p>No misses: every answer is in the top {losses.at}.</p>;
  const total = verdict.judgements || 1;
  return (
    <>
      <h3>Causes of misses (answers below rank {losses.at})</h3>
      <div class="losses" aria-hidden="true">
        {losses.systems.map((system) => (
          <div key={system.system} class="row">
            <span>{system.system}</span>
            <span class="track">
              <span class="part found" style={{ width: `${100 * system.found / total}%` }} />
              {causes.map((cause, number) => <span key={cause} class={`part cause-${number % 6}`} style={{ width: `${100 * (system.by_cause[cause] ?? 0) / total}%` }} />)}
            </span>
          </div>
        ))}
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Misses by cause">
        <table>
          <thead><tr><th>System</th><th class="number"><span class="key found" aria-hidden="true" /> found</th>{causes.map((cause, number) => <th key={cause} class="number"><span class={`key cause-${number % 6}`} aria-hidden="true" /> {cause}</th>)}</tr></thead>
          <tbody>
            {losses.systems.map((system) => (
              <tr key={system.system}><th scope="row">{system.system}</th><td class="number">{system.found}</td>{causes.map((cause) => <td key={cause} class="number">{system.by_cause[cause] ?? 0}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
      <dl class="facts">{causes.map((cause) => <div key={cause}><dt>{cause}</dt><dd>{losses.explained[cause]}</dd></div>)}</dl>
    </>
  );
}
