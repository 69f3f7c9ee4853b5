// The parts of the API that the page uses; /openapi.json describes all of it.

export type Span = [number, number];
export type Mode = "hybrid" | "dense" | "lexical";

export interface Scores { dense?: number; lexical?: number; rerank?: number }
/** A remark on a response that is not an error; docs/notes.md lists the codes. */
export interface Note { code: string; message: string; path?: string; line?: number; reason?: string }
export interface WordScore { word: string; found_as: string; place: string; score: number }
export interface Explanation {
  shares: { dense?: number; lexical?: number };
  fusion?: { method: string; dense: number };
  words: WordScore[];
  sentence?: { span: Span; score: number };
  above_cut?: number;
}
export interface NearDuplicate { passage_id: string; article_id: string; path: string; line: number; score: number }
export interface Hit {
  rank: number;
  score: number;
  passage_id: string;
  article_id: string;
  title: string;
  path: string;
  span: Span;
  line: number;
  text: string;
  scores: Scores;
  copies?: NearDuplicate[];
  explanation?: Explanation;
}
export interface Answer {
  query: string;
  mode: Mode;
  took_ms: number;
  rerank?: { model: string; passages: number; of: number; took_ms: number };
  notes?: Note[];
  hits: Hit[];
}
export interface Suggestion { text: string; kind: "question" | "title"; article_id: string }
export interface Facet { field: string; values: { value: string; passages: number }[]; more: number }
export interface Collection {
  name: string;
  stats: {
    articles: number; passages: number; questions: number; dead_vectors: number; segments: number; graphs: number;
    linked_in: number | null; not_found_by_themselves: number | null; text_bytes: number | null; vector_bytes: number | null;
  };
  model: string;
  chunking: { strategy: string; tokens: number; overlap: number };
  language: string;
  fusion: { method: string; dense: number } | null;
}
export interface Collections { collections: Collection[]; default: string | null; can_create: boolean }
export interface Passage { passage_id: string; span: Span; score?: number; scores?: Scores; explanation?: Explanation }
export interface Article {
  id: string; title: string; path: string; text: string; metadata: Record<string, unknown>;
  questions: { question: string; answer: Span }[]; passages: Passage[];
}
export interface ArticleMeta { id: string; title: string; path: string; passages: number; questions: number; bytes: number }
export interface Job {
  id: string; kind: string; collection: string; phase: "queued" | "running" | "done" | "failed" | "cancelled";
  progress: { what: string; done: number; of: number } | null;
  notes: string[]; result: unknown; error: string | null; created: number; ended: number | null;
}
export interface Figure { mean: number; ci95: [number, number] }
export interface Verdict {
  queries: number; judgements: number; metrics: string[]; primary: string; at: number; notes: Note[];
  systems: { name: string; metrics: Record<string, Figure> }[];
  comparisons: { a: string; b: string; metric: string; difference: number; ci95: [number, number]; p_holm: number; test: string }[];
  losses: { at: number; causes: string[]; explained: Record<string, string>; systems: { system: string; found: number; by_cause: Record<string, number> }[] };
  worst: { query: string; text: string; value: number; expected: { id: string; title: string; rank: number | null; text: string }[]; found: { rank: number; id: string; title: string; relevant: boolean; text: string }[] }[];
}
export interface Point { x: number; y: number; passage_id: string; article_id: string; title: string }
export interface MapData { points: Point[]; passages: number; question: [number, number] | null; neighbours: Point[] }
