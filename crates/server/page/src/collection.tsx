// The collection view: statistics, uploads, the list of articles, maintenance; and creating collections.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { at, errorMessage, get, send, withParams } from "./api";
import { JobStatus, useJob } from "./jobs";
import { type Go, type State, linkTo, restorePlace } from "./state";
import { bytes, count } from "./text";
import type { ArticleMeta, Collection, Collections, Job } from "./types";

const PAGE_SIZE = 50;

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
      <h1 key={collection?.name}>{collection ? collection.name : all.collections.length > 0 ? "Collections" : "No collection yet"}</h1>
      {collection && <Statistics collection={collection} />}
      {collection && <Add collection={collection} reload={reload} />}
      {collection && <Articles collection={collection} state={state} go={go} reload={reload} />}
      {collection && <Maintenance collection={collection} reload={reload} />}
      {all.can_create && <Create reload={reload} go={go} />}
    </>
  );
}

function graphs({ graphs, linked_in }: Collection["stats"]) {
  // A remote vector database does not report the state of its graph.
  if (linked_in === null) return graphs === 0 ? "none (exact search)" : "managed by the vector database";
  return graphs === 0 ? "none (too few vectors to need one)" : `${graphs}, every vector reachable`;
}

function Statistics({ collection }: { collection: Collection }) {
  const { stats, chunking } = collection;
  return (
    <dl class="facts">
      <div><dt>articles</dt><dd>{stats.articles.toLocaleString("en")}, with {count(stats.questions, "question")} of their own</dd></div>
      <div><dt>passages</dt><dd>{stats.passages.toLocaleString("en")} ({chunking.strategy}{chunking.strategy === "whole" ? "" : ` of up to ${chunking.tokens} tokens`})</dd></div>
      <div><dt>model</dt><dd>{collection.model}</dd></div>
      <div><dt>language</dt><dd>{collection.language}</dd></div>
      <div><dt>graphs</dt><dd>{graphs(stats)}</dd></div>
      {stats.text_bytes !== null && stats.vector_bytes !== null
        && <div><dt>on disk</dt><dd>{bytes(stats.text_bytes)} texts and inverted index, {bytes(stats.vector_bytes)} vectors and graphs</dd></div>}
      {stats.dead_vectors > 0 && <div><dt>deleted</dt><dd>{count(stats.dead_vectors, "vector")}, not yet compacted</dd></div>}
    </dl>
  );
}

/** The dropped files, including those in folders. */
async function droppedFiles(transfer: DataTransfer): Promise<[File, string][]> {
  // Must be read before the first await: the transfer is valid only during its event.
  const items = [...transfer.items].map((item) => [item.webkitGetAsEntry(), item.getAsFile()] as const);
  const files: [File, string][] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      files.push([file, entry.fullPath.replace(/^\//, "")]);
    } else {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        // A reader returns up to a hundred entries at a time, and none at the end.
        const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
        if (batch.length === 0) break;
        for (const inner of batch) await walk(inner);
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
  const [isDragging, setIsDragging] = useState(false);
  const [message, setMessage] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const running = useJob((job: Job) => {
    void reload();
    const report = job.result as { articles: number; added: number; updated: number; unchanged: number; passages: number; failures: number; seconds: number } | null;
    if (report) {
      const failed = report.failures > 0 ? `, ${count(report.failures, "file")} skipped` : "";
      setMessage(`${count(report.added, "article")} added, ${report.updated} replaced, ${report.unchanged} unchanged${failed}: ${count(report.passages, "passage")} in ${report.seconds.toFixed(1)} s`);
    }
  });
  const upload = (files: [File, string][]) => {
    setMessage(files.length === 0 ? "Nothing was added: there were no files." : "");
    if (files.length === 0) return;
    const form = new FormData();
    for (const [file, name] of files) form.append("file", file, name);
    running.start(() => send<Job>("POST", at(collection.name, "articles"), form));
  };
  return (
    <section aria-labelledby="add">
      <h2 id="add">Add articles</h2>
      <div
        class={isDragging ? "drop over" : "drop"}
        onDragOver={(event) => { event.preventDefault(); setIsDragging(true); }}
        onDragLeave={() => setIsDragging(false)}
        onDrop={(event) => {
          event.preventDefault();
          setIsDragging(false);
          if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(upload);
        }}
      >
        <p key="drop">Drop files or folders here: text, Markdown, HTML, PDF, JSONL, CSV.</p>
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
      {message && <p role="status">{message}</p>}
    </section>
  );
}

function Articles({ collection, state, go, reload }: { collection: Collection; state: State; go: Go; reload: () => Promise<void> }) {
  const { prefix } = state;
  const page = Number(state.page) || 0;
  const showPage = (to: number) => go({ page: String(to) });
  const [listed, setListed] = useState<{ total: number; articles: ArticleMeta[] }>({ total: 0, articles: [] });
  const [problem, setProblem] = useState("");
  const [message, setMessage] = useState("");
  const load = useCallback((signal?: AbortSignal) => get<typeof listed>(withParams(at(collection.name, "articles"), { prefix, offset: page * PAGE_SIZE, limit: PAGE_SIZE }), signal)
    .then((found) => { setListed(found); setProblem(""); })
    .catch((error: unknown) => { if (!signal?.aborted) setProblem(errorMessage(error)); }), [collection.name, prefix, page]);
  useEffect(() => {
    const abort = new AbortController();
    void load(abort.signal);
    return () => abort.abort();
  }, [load, collection.stats.articles]);
  useEffect(() => { if (listed.articles.length > 0) restorePlace(); }, [listed]);
  const remove = async (article: ArticleMeta) => {
    if (!confirm(`Delete ${article.title || article.id}?`)) return;
    try {
      await send("DELETE", withParams(at(collection.name, "article"), { id: article.id }));
      setMessage(`Deleted ${article.title || article.id}.`);
      await Promise.all([load(), reload()]);
    } catch (error) {
      setProblem(errorMessage(error));
    }
  };
  const pages = Math.max(1, Math.ceil(listed.total / PAGE_SIZE));
  return (
    <section aria-labelledby="articles">
      <h2 id="articles">Articles</h2>
      {problem && <p class="problem" role="alert">{problem}</p>}
      <label>Id prefix
        <input dir="auto" value={prefix} onInput={(event) => go({ prefix: event.currentTarget.value, page: "0" }, "replace")} />
      </label>
      <p role="status">{message && <span key={message}>{message}</span>}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of articles">
        <table class="articles" role="table">
          <thead role="rowgroup"><tr role="row"><th role="columnheader">Title</th><th role="columnheader">Id</th><th role="columnheader" class="number">Passages</th><th role="columnheader" class="number">Size</th><th role="columnheader"><span class="hidden">Delete</span></th></tr></thead>
          <tbody role="rowgroup">
            {listed.articles.map((article) => {
              const target = { ...state, view: "article" as const, id: article.id, p: "", q: "" };
              return (
                <tr key={article.id} role="row">
                  <td role="cell" class="title" dir="auto"><a {...linkTo(target, go)}>{article.title || "untitled"}</a></td>
                  <td role="cell" class="faint id"><bdi>{article.id}</bdi></td>
                  <td role="cell" class="number">{article.passages.toLocaleString("en")}<span class="unit"> {article.passages === 1 ? "passage" : "passages"}</span></td>
                  <td role="cell" class="number">{bytes(article.bytes)}</td>
                  <td role="cell"><button class="small" onClick={() => void remove(article)} aria-label={`Delete ${article.title || article.id}`}>Delete</button></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="pages">
        <button disabled={page === 0} onClick={() => showPage(page - 1)}>Previous</button>
        <span class="faint" key={`${page} ${listed.total}`}>page {page + 1} of {pages}, {count(listed.total, "article")}</span>
        <button disabled={page + 1 >= pages} onClick={() => showPage(page + 1)}>Next</button>
      </p>
    </section>
  );
}

function Maintenance({ collection, reload }: { collection: Collection; reload: () => Promise<void> }) {
  const [message, setMessage] = useState("");
  const running = useJob((job: Job) => {
    void reload();
    const result = job.result as { sound?: boolean; problems?: string[]; passages?: number; reachable?: number | null; dropped?: number } | null;
    if (result?.sound === true) setMessage(`No damage: ${count(result.passages ?? 0, "passage")} checked${result.reachable === null ? "" : ", every vector reachable"}.`);
    else if (result?.sound === false) setMessage(`Damaged: ${result.problems?.join("; ") ?? ""}`);
    else if (result) setMessage(`${count(result.dropped ?? 0, "vector")} removed.`);
  });
  const startJob = (what: string) => {
    setMessage("");
    running.start(() => send<Job>("POST", at(collection.name, what)));
  };
  return (
    <section aria-labelledby="maintenance">
      <h2 id="maintenance">Maintenance</h2>
      <p><button onClick={() => startJob("check")}>Check for damage</button> <button onClick={() => startJob("compact")}>Compact</button></p>
      <JobStatus running={running} />
      {message && <p role="status">{message}</p>}
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
      await send("POST", "v1/collections", { name, model, chunk });
      setProblem("");
      setName("");
      await reload();
      go({ c: name, view: "collection" });
    } catch (error) {
      setProblem(errorMessage(error));
    }
  };
  return (
    <section aria-labelledby="create">
      <h2 id="create">New collection</h2>
      <form class="options" onSubmit={(event) => { event.preventDefault(); void create(); }}>
        <label>Name <input required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}" value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>Model
          <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
            <option value="builtin">best quality</option>
            <option value="static">fastest indexing</option>
          </select>
        </label>
        <label>Split articles
          <select value={chunk} onChange={(event) => setChunk(event.currentTarget.value)}>
            <option value="sentences">into sentences</option>
            <option value="markdown">at headings</option>
            <option value="whole">not at all</option>
          </select>
        </label>
        <button>Create</button>
      </form>
      {problem && <p class="problem" role="alert">{problem}</p>}
    </section>
  );
}
