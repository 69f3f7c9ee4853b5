// Texts and numbers as people read them.

import type { Span } from "./types";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Cuts a text by bytes, as the server counts. */
export function cutter(text: string): (span: Span) => string {
  const bytes = encoder.encode(text);
  return ([start, end]) => decoder.decode(bytes.subarray(start, end));
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

/** A value of a field as the filter's grammar wants it. */
export function quoted(text: string): string {
  return /^[\p{L}\p{N}_.-]+$/u.test(text) && !["AND", "OR", "NOT", "TO"].includes(text)
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The parts of a filter that a keyword joins at the top, not those in quotes or parentheses. */
function joined(filter: string, keyword: string): string[] {
  const parts: string[] = [];
  let [part, depth, inQuotes] = ["", 0, false];
  for (let at = 0; at < filter.length; at += 1) {
    const letter = filter[at]!;
    if (letter === "\\" && inQuotes) {
      part += letter + (filter[at += 1] ?? "");
      continue;
    }
    if (letter === '"') inQuotes = !inQuotes;
    else if (!inQuotes) depth += Number(letter === "(") - Number(letter === ")");
    const after = filter.slice(at);
    // A word of its own, as the server reads it.
    const stands = !inQuotes && depth === 0 && after.startsWith(keyword)
      && /^$|[\s()"\]]/.test(filter.slice(0, at).slice(-1)) && /^$|^[\s()"]/.test(after.slice(keyword.length));
    if (stands) {
      parts.push(part);
      part = "";
      at += keyword.length - 1;
    } else part += letter;
  }
  return [...parts, part].map((one) => one.trim()).filter(Boolean);
}

/** The conditions of a filter that must all hold. */
export function conditions(filter: string): string[] {
  return joined(filter, "AND");
}

/** The alternatives of a filter. */
export function choices(filter: string): string[] {
  return joined(filter, "OR");
}
