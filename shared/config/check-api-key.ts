/** Checks of `apiKey` providers that a schema cannot state. */
import { DEFAULT_KEY_PREFIX } from "../auth/key-form.ts";
import { HOP_BY_HOP, isForgeable } from "../http/header-names.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkApiKeys(top: Cursor): DocumentProblem[] {
  const prefixes = new Set<string>();
  return top
    .get("gateway", "identity")
    .entries.flatMap(([, provider]) =>
      provider.get("apiKey").exists ? checkApiKey(provider.get("apiKey"), prefixes) : [],
    );
}

function checkApiKey(apiKey: Cursor, prefixes: Set<string>): DocumentProblem[] {
  if (typeof apiKey.value !== "object" || apiKey.value === null) return [];
  const problems: DocumentProblem[] = [];
  const [header, bearer, query] = [apiKey.get("header"), apiKey.get("bearer"), apiKey.get("query")];
  if (!header.exists && bearer.value !== true && !query.exists)
    problems.push(
      error("SLV2005", apiKey.path, "an `apiKey` needs at least one of `header`, `bearer: true` and `query`"),
    );
  const name = header.text?.toLowerCase() ?? "";
  if (name === "authorization")
    problems.push(error("SLV3009", header.path, "keys in Authorization are taken by `bearer: true`"));
  else if (HOP_BY_HOP.has(name) || isForgeable(name) || OTHERS.has(name))
    problems.push(error("SLV3009", header.path, `the header ${name} has another meaning and cannot carry a key`));
  const prefix = apiKey.get("prefix").text ?? DEFAULT_KEY_PREFIX;
  if (prefixes.has(prefix))
    problems.push(
      error("SLV3006", apiKey.path, `the prefix ${quote(prefix)} is used twice: keys could not be told apart`),
    );
  prefixes.add(prefix);
  return problems;
}

const OTHERS = new Set(["host", "cookie", "content-length", "content-type", "expect", "traceparent", "tracestate"]);
