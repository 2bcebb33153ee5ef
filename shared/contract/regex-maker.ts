import type { Evaluation } from "./evaluation.ts";

/** What makes expressions ready: `shared/contract/schema-regexes.ts`, which brings the engine along. */
export type RegexMaker = (source: string) => (text: string, run: Evaluation) => boolean;
