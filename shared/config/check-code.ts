/** Checks of `policies`, `handler` and `calls` of a route. The files themselves are looked at where they are: by the CLI. */
import type { NamedTarget } from "./check-edge-traffic.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** Where a document names code. */
export interface NamedCode {
  readonly kind: "policy" | "handler";
  readonly file: string;
  /** The text that names it. */
  readonly place: Cursor;
  readonly settings: Cursor;
}

/** Every use of code in a route, policies before the handler. */
export function codeIn(route: Cursor): NamedCode[] {
  const handler = route.get("handler");
  const isText = handler.text !== undefined;
  return [
    ...route.get("policies").items.flatMap((use) => named("policy", use.get("use"), use.get("with"))),
    ...named("handler", isText ? handler : handler.get("use"), handler.get("with")),
  ];
}

function named(kind: NamedCode["kind"], place: Cursor, settings: Cursor): NamedCode[] {
  return place.text === undefined ? [] : [{ kind, file: place.text, place, settings }];
}

/** What a route's code may call, and by which names. */
export function callsOfCode(route: Cursor): NamedTarget[] {
  const calls = route.get("calls");
  const places = [...calls.items, ...calls.entries.map(([, place]) => place)];
  return places.flatMap((place) => (place.text === undefined ? [] : { name: place.text, place, at: "value" as const }));
}

export function checkCode(route: Cursor): DocumentProblem[] {
  const calls = route.get("calls");
  const problems = [...checkNames(calls), ...checkHandler(route)];
  if (!calls.exists || route.get("policies").items.length > 0 || route.get("handler").exists) return problems;
  const message = "`calls` is what the code of a route may call, and this route has none";
  return [...problems, error("SLV3158", calls.path, message, { at: "key", expected: "`policies` or `handler`" })];
}

function checkNames(calls: Cursor): DocumentProblem[] {
  const seen = new Set<string>();
  return calls.items.flatMap(({ text, path }) => {
    if (text === undefined) return [];
    if (/^https?:/.test(text))
      return [
        error("SLV2001", path, `code calls ${quote(text)} by a name, and it has none`, {
          expected: "a mapping of names to targets",
          suggestion: `calls: { name: ${quote(text)} }`,
        }),
      ];
    if (seen.has(text)) return [error("SLV3006", path, `${quote(text)} is named twice`)];
    seen.add(text);
    return [];
  });
}

/** Settings that are about a request that goes on. */
const OF_FORWARDS: Readonly<Record<string, string>> = {
  rewrite: "its calls have paths of their own",
  cache: "what code answers is never kept",
};

function checkHandler(route: Cursor): DocumentProblem[] {
  if (!route.get("handler").exists) return [];
  return Object.entries(OF_FORWARDS)
    .filter(([key]) => route.get(key).exists && route.get(key).value !== false)
    .map(([key, why]) =>
      error("SLV3009", route.get(key).path, `\`${key}\` has no meaning with \`handler\`: ${why}`, { at: "key" }),
    );
}
