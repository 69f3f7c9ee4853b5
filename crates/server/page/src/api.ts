// The HTTP client: requests with the API key, errors, and following jobs. Paths are relative to the page, which may
// be served below a path of another site.

import { getKey } from "./key";
import type { Job } from "./types";

/** Dispatched on the window when the server does not know the key. */
export const UNAUTHORIZED = "nigh-unauthorized";

/** An error response of the server; status 0 if it cannot be reached. */
export class Problem extends Error {
  constructor(readonly status: number, detail: string) {
    super(detail);
  }
}

/** The message of an error. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const key = getKey();
  const headers = new Headers(init.headers);
  if (key) headers.set("authorization", `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. Is nigh serve still running?");
  }
  if (response.ok) return response;
  if (response.status === 401) {
    const current = getKey();
    // This request was sent before another key was given: its refusal says nothing of that one.
    if (current && current !== key) return request(path, init);
    if (current === key) dispatchEvent(new Event(UNAUTHORIZED));
  }
  const body = await response.json().catch(() => null) as { detail?: string } | null;
  throw new Problem(response.status, body?.detail ?? `${response.status} ${response.statusText}`);
}

/** Downloads a path as a file. A link would not do, because it cannot send the API key. */
export async function save(path: string, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await request(path)).blob());
  link.download = name;
  link.click();
  // The browser reads the blob after the click, so it must not be revoked right away.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, signal ? { signal } : {})).json() as Promise<T>;
}

function withBody(method: string, body: unknown): RequestInit {
  if (body === undefined) return { method };
  if (body instanceof FormData) return { method, body };
  return { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

export async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, { ...withBody(method, body), ...(signal && { signal }) });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Asks a question: unlike a URL, a body can be of any length. Whether the server remembered the answer is `remembered`. */
export async function ask<T>(path: string, question: Params, signal: AbortSignal): Promise<T & { remembered: boolean }> {
  const response = await request(path, { ...withBody("POST", given(question)), signal });
  return { ...await response.json() as T, remembered: response.headers.get("x-cache") === "hit" };
}

/** Milliseconds to wait before reconnecting to an event stream that ended early. */
const RECONNECT_DELAY = 1000;

/** Follows a job until it ends; returns it with its result. */
export async function followJob(id: string, show: (job: Job) => void, signal: AbortSignal): Promise<Job> {
  for (;;) {
    try {
      // However the stream ended, the job itself tells whether it has ended.
      await events(id, show, signal).catch((error: unknown) => { if (error instanceof Problem || signal.aborted) throw error; });
      const job = await get<Job>(`v1/jobs/${id}`, signal);
      if (job.ended !== null) return job;
    } catch (error) {
      // The job continues while the server is too busy to respond, and after it has been started anew.
      if (!(error instanceof Problem && [0, 429, 502, 503, 504].includes(error.status))) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, RECONNECT_DELAY); });
  }
}

/** Shows every state of a job until it ends or the stream is closed. */
async function events(id: string, show: (job: Job) => void, signal: AbortSignal) {
  const response = await request(`v1/jobs/${id}/events`, { signal });
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

/** The path of a collection or of a resource in it. */
export function at(collection: string, ...rest: string[]): string {
  return ["v1/collections", collection, ...rest].map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join("/");
}

type Params = Record<string, string | number | boolean | undefined>;

/** Those parameters that are not empty. */
function given(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== "" && value !== false));
}

/** A path with a query string of those `params` that are not empty. */
export function withParams(path: string, params: Params): string {
  const query = new URLSearchParams(Object.entries(given(params)).map(([name, value]) => [name, String(value)]));
  return query.size > 0 ? `${path}?${query}` : path;
}
