// A collection: what it holds, articles dropped onto it, its care; and new ones.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { at, get, inWords, send, withParams } from "./api";
import { JobStatus, useJob } from "./jobs";
import { type Go, type State, linkTo } from "./state";
import { bytes, count } from "./text";
import type { Card, Collection, Collections, Job } from "./types";

const PAGE = 50;

interface Props {
  all: Collections;
  collection: Collection | undefined;
  state: State;
  go: Go;
  reload: () => Promise<void>;
}

export function CollectionView({ all, collection, state, go, reload }: Props) {
  return (
    <>
      <h1>{collection ? collection.name : "No collection yet"}</h1>
      {collection && <Holds collection={collection} />}
      {collection && <Add collection={collection} reload={reload} />}
      {collection && <Articles collection={collection} state={state} go={go} reload={reload} />}
      {collection && <Care collection={collection} reload={reload} />}
      {all.can_create && <Create reload={reload} go={go} />}
    </>
  );
}

function graphs({ graphs, linked_in }: Collection["stats"]) {
  // A server elsewhere that has the vectors does not say what is in its graph.
  if (linked_in === null) return graphs === 0 ? "none: every vector is looked at" : "the server's own";
  return graphs === 0 ? "none: so few are faster looked through" : `${graphs}, every vector reachable`;
}

function Holds({ collection }: { collection: Collection }) {
  const { stats, chunking } = collection;
  return (
    <dl class="facts">
      <div><dt>articles</dt><dd>{stats.articles.toLocaleString("en")}, asking {count(stats.questions, "question")} themselves</dd></div>
      <div><dt>passages</dt><dd>{stats.passages.toLocaleString("en")} ({chunking.strategy}{chunking.strategy === "whole" ? "" : ` of up to ${chunking.tokens} word pieces`})</dd></div>
      <div><dt>model</dt><dd>{collection.model}</dd></div>
      <div><dt>language</dt><dd>{collection.language}</dd></div>
      <div><dt>graphs</dt><dd>{graphs(stats)}</dd></div>
      {stats.text_bytes !== null && stats.vector_bytes !== null
        && <div><dt>on disk</dt><dd>{bytes(stats.text_bytes)} text and words, {bytes(stats.vector_bytes)} vectors and graphs</dd></div>}
      {stats.dead_vectors > 0 && <div><dt>deleted</dt><dd>{count(stats.dead_vectors, "vector")}, not yet compacted</dd></div>}
    </dl>
  );
}

/** Files of a drop, those in folders included. */
async function dropped(transfer: DataTransfer): Promise<[File, string][]> {
  // To be read before anything is waited for: a transfer is over with its event.
  const items = [...transfer.items].map((item) => [item.webkitGetAsEntry(), item.getAsFile()] as const);
  const files: [File, string][] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    // As in a folder that is indexed, what is hidden is left out: it need not be sent.
    if (entry.name.startsWith(".")) return;
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      files.push([file, entry.fullPath.replace(/^\//, "")]);
    } else {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        // A reader gives a hundred at a time, and none when it is through.
        const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
        if (some.length === 0) break;
        for (const inner of some) await walk(inner);
      }
    }
  };
  for (const [entry, file] of items) {
    if (entry) await walk(entry);
    else if (file) files.push([file, file.name]);
  }
  return files;
}

function Add({ collection, reload }: { collection: Collection; reload: () => Promise<void> }) {
  const [over, setOver] = useState(false);
  const [said, setSaid] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const running = useJob((job: Job) => {
    void reload();
    const report = job.result as { articles: number; added: number; updated: number; unchanged: number; passages: number; failures: number; seconds: number } | null;
    if (report) {
      const failed = report.failures > 0 ? `, ${count(report.failures, "file")} skipped` : "";
      setSaid(`${count(report.added, "article")} added, ${report.updated} replaced, ${report.unchanged} unchanged${failed}: ${count(report.passages, "passage")} in ${report.seconds.toFixed(1)} s`);
    }
  });
  const upload = (files: [File, string][]) => {
    if (files.length === 0) return;
    setSaid("");
    const form = new FormData();
    for (const [file, name] of files) form.append("file", file, name);
    running.begin(() => send<Job>("POST", at(collection.name, "articles"), form));
  };
  return (
    <section aria-labelledby="add">
      <h2 id="add">Add articles</h2>
      <div
        class={over ? "drop over" : "drop"}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer) void dropped(event.dataTransfer).then(upload);
        }}
      >
        <p>Drop files or folders here: text, Markdown, HTML, PDF, JSONL, CSV.</p>
        <button onClick={() => input.current?.click()}>Choose files</button>
        <input
          ref={input} type="file" multiple hidden aria-label="Files to add"
          onChange={(event) => {
            upload([...event.currentTarget.files ?? []].map((file) => [file, file.name]));
            event.currentTarget.value = "";
          }}
        />
      </div>
      <JobStatus running={running} />
      {said && <p role="status">{said}</p>}
    </section>
  );
}

function Articles({ collection, state, go, reload }: { collection: Collection; state: State; go: Go; reload: () => Promise<void> }) {
  const { prefix } = state;
  const page = Number(state.page) || 0;
  const turn = (to: number) => go({ page: String(to) });
  const [listed, setListed] = useState<{ total: number; articles: Card[] }>({ total: 0, articles: [] });
  const [problem, setProblem] = useState("");
  const load = useCallback((signal?: AbortSignal) => get<typeof listed>(withParams(at(collection.name, "articles"), { prefix, offset: page * PAGE, limit: PAGE }), signal)
    .then((found) => { setListed(found); setProblem(""); })
    .catch((error: unknown) => { if (!signal?.aborted) setProblem(inWords(error)); }), [collection.name, prefix, page]);
  useEffect(() => {
    const abort = new AbortController();
    void load(abort.signal);
    return () => abort.abort();
  }, [load, collection.stats.articles]);
  const remove = async (card: Card) => {
    if (!confirm(`Delete ${card.title || card.id}?`)) return;
    try {
      await send("DELETE", at(collection.name, "articles", card.id));
      await Promise.all([load(), reload()]);
    } catch (error) {
      setProblem(inWords(error));
    }
  };
  const pages = Math.max(1, Math.ceil(listed.total / PAGE));
  return (
    <section aria-labelledby="articles">
      <h2 id="articles">Articles</h2>
      {problem && <p class="problem" role="alert">{problem}</p>}
      <label>Whose id begins with
        <input value={prefix} onInput={(event) => go({ prefix: event.currentTarget.value, page: "0" }, "replace")} />
      </label>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of articles">
        <table>
          <thead><tr><th>Title</th><th>Id</th><th class="number">Passages</th><th class="number">Size</th><th><span class="hidden">Delete</span></th></tr></thead>
          <tbody>
            {listed.articles.map((card) => {
              const target = { ...state, view: "article" as const, id: card.id, p: "", q: "" };
              return (
                <tr key={card.id}>
                  <td><a {...linkTo(target, go)}>{card.title || "untitled"}</a></td>
                  <td class="faint">{card.id}</td>
                  <td class="number">{card.passages}</td>
                  <td class="number">{bytes(card.bytes)}</td>
                  <td><button class="small" onClick={() => void remove(card)} aria-label={`Delete ${card.title || card.id}`}>Delete</button></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="pages">
        <button disabled={page === 0} onClick={() => turn(page - 1)}>Back</button>
        <span class="faint">page {page + 1} of {pages}, {count(listed.total, "article")}</span>
        <button disabled={page + 1 >= pages} onClick={() => turn(page + 1)}>Next</button>
      </p>
    </section>
  );
}

function Care({ collection, reload }: { collection: Collection; reload: () => Promise<void> }) {
  const [said, setSaid] = useState("");
  const running = useJob((job: Job) => {
    void reload();
    const result = job.result as { sound?: boolean; problems?: string[]; passages?: number; reachable?: number | null; dropped?: number } | null;
    if (result?.sound === true) setSaid(`Sound: ${count(result.passages ?? 0, "passage")} where their articles say${result.reachable === null ? "" : ", every vector reachable"}.`);
    else if (result?.sound === false) setSaid(`Damaged: ${result.problems?.join("; ") ?? ""}`);
    else if (result) setSaid(`${count(result.dropped ?? 0, "vector")} dropped.`);
  });
  const start = (what: string) => {
    setSaid("");
    running.begin(() => send<Job>("POST", at(collection.name, what)));
  };
  return (
    <section aria-labelledby="care">
      <h2 id="care">Care</h2>
      <p><button onClick={() => start("check")}>Check that it is sound</button> <button onClick={() => start("compact")}>Compact</button></p>
      <JobStatus running={running} />
      {said && <p role="status">{said}</p>}
    </section>
  );
}

function Create({ reload, go }: { reload: () => Promise<void>; go: Go }) {
  const [name, setName] = useState("");
  const [model, setModel] = useState("builtin");
  const [chunk, setChunk] = useState("sentences");
  const [problem, setProblem] = useState("");
  const create = async () => {
    try {
      await send("POST", "/v1/collections", { name, model, chunk });
      setProblem("");
      setName("");
      await reload();
      go({ c: name, view: "collection" });
    } catch (error) {
      setProblem(inWords(error));
    }
  };
  return (
    <section aria-labelledby="create">
      <h2 id="create">A new collection</h2>
      <form class="options" onSubmit={(event) => { event.preventDefault(); void create(); }}>
        <label>Name <input required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}" value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>Model
          <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
            <option value="builtin">best answers</option>
            <option value="static">fastest to fill</option>
          </select>
        </label>
        <label>Cut
          <select value={chunk} onChange={(event) => setChunk(event.currentTarget.value)}>
            <option value="sentences">into sentences</option>
            <option value="markdown">at headings</option>
            <option value="whole">not at all</option>
          </select>
        </label>
        <button>Make it</button>
      </form>
      {problem && <p class="problem" role="alert">{problem}</p>}
    </section>
  );
}
