// The server: requests with the key, errors as they are, long work followed.

import type { Job } from "./types";

const KEY = "nigh-key";

/** What the server says is wrong. */
export class Problem extends Error {
  constructor(readonly status: number, detail: string) {
    super(detail);
  }
}

/** What went wrong, in words. */
export function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function setKey(key: string) {
  sessionStorage.setItem(KEY, key);
}

export function hasKey(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

function headers(more?: HeadersInit): Headers {
  const all = new Headers(more);
  const key = sessionStorage.getItem(KEY);
  if (key) all.set("authorization", `Bearer ${key}`);
  return all;
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: headers(init.headers) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. Is nigh serve still running?");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null) as { detail?: string } | null;
  throw new Problem(response.status, body?.detail ?? `${response.status} ${response.statusText}`);
}

/** Saves what is at a path as a file: a link cannot carry the key. */
export async function save(path: string, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await request(path)).blob());
  link.download = name;
  link.click();
  // The browser reads it after this.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, signal ? { signal } : {})).json() as Promise<T>;
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  const response = await request(path, init);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** How long to wait before a stream that was cut is followed again. */
const AGAIN = 1000;

/** Follows a job to its end; gives it with its result. */
export async function follow(id: string, show: (job: Job) => void, signal: AbortSignal): Promise<Job> {
  for (;;) {
    try {
      // Whatever cuts the stream, the job itself is asked how far it is.
      await events(id, show, signal).catch((error: unknown) => { if (error instanceof Problem || signal.aborted) throw error; });
      const job = await get<Job>(`/v1/jobs/${id}`, signal);
      if (job.ended !== null) return job;
    } catch (error) {
      // The job goes on while the server is too busy to tell.
      if (!(error instanceof Problem && [429, 503].includes(error.status))) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, AGAIN); });
  }
}

/** Shows every state of a job, until it has ended or the stream is cut. */
async function events(id: string, show: (job: Job) => void, signal: AbortSignal) {
  const response = await request(`/v1/jobs/${id}/events`, { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (data) show(JSON.parse(data) as Job);
    }
  }
}

/** The path of a collection, or of something in it. */
export function at(collection: string, ...rest: string[]): string {
  return ["/v1/collections", collection, ...rest].map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join("/");
}

/** A path with what is not empty of `params` behind it. */
export function withParams(path: string, params: Record<string, string | number | boolean | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== "" && value !== false) query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
