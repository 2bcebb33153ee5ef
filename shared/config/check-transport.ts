import { isLoopback } from "../http/page-request.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

/** Whoever can change what is fetched on its way, or read what is sent, can be anybody. @param what such as "the keys are fetched" */
export function checkTransport(url: Cursor, what: string): DocumentProblem[] {
  const { text } = url;
  if (text === undefined || !text.startsWith("http:") || !URL.canParse(text)) return [];
  if (isLoopback(new URL(text).hostname.replace(/^\[|\]$/g, ""))) return [];
  return [warning("SLV3014", url.path, `${what} without TLS`, { suggestion: text.replace("http:", "https:") })];
}
