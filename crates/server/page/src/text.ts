// Formatting of numbers, splitting of texts and filters, and keys.

import type { Span } from "./types";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Slices a text by byte offsets, as the server counts them. */
export function byteSlicer(text: string): (span: Span) => string {
  const bytes = encoder.encode(text);
  return ([start, end]) => decoder.decode(bytes.subarray(start, end));
}

/** Whether a key belongs to an input method: it composes a word, and needs the key for that. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export function count(n: number, one: string): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`;
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n.toFixed(unit === 0 || n >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Quotes a field or value for a filter expression, if necessary. */
export function quoted(text: string): string {
  return /^[\p{L}\p{N}_.-]+$/u.test(text) && !["AND", "OR", "NOT", "TO"].includes(text)
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Splits a filter at a top-level keyword, that is, not within quotes or parentheses. */
function splitAt(filter: string, keyword: string): string[] {
  const parts: string[] = [];
  let [part, depth, inQuotes] = ["", 0, false];
  for (let at = 0; at < filter.length; at += 1) {
    const character = filter[at]!;
    if (character === "\\" && inQuotes) {
      part += character + (filter[at += 1] ?? "");
      continue;
    }
    if (character === '"') inQuotes = !inQuotes;
    else if (!inQuotes) depth += Number(character === "(") - Number(character === ")");
    const after = filter.slice(at);
    // The keyword must be a separate word, as for the server.
    const isKeyword = !inQuotes && depth === 0 && after.startsWith(keyword)
      && /^$|[\s()"\]]/.test(filter.slice(0, at).slice(-1)) && /^$|^[\s()"]/.test(after.slice(keyword.length));
    if (isKeyword) {
      parts.push(part);
      part = "";
      at += keyword.length - 1;
    } else part += character;
  }
  return [...parts, part].map((part) => part.trim()).filter(Boolean);
}

/** The conditions of a filter that must all hold. */
export function conditions(filter: string): string[] {
  return splitAt(filter, "AND");
}

/** The alternatives of a filter, of which one must hold. */
export function alternatives(filter: string): string[] {
  return splitAt(filter, "OR");
}
