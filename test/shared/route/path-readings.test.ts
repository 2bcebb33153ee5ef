/**
 * A path that is matched must be read the same by everybody: by the WHATWG URL parser, which the runtime hands requests on
 * with, and by a reading that follows RFC 3986 step by step as servers behind do.
 */
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRoutes, matchRoute } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import { parsePath } from "../../../shared/route/parse-path.ts";

/** RFC 3986 section 5.2.4, as the text has it, after one round of decoding: what a server makes of a path at most. */
function readByRfc3986(path: string): string[] {
  const output: string[] = [];
  for (const segment of decodeURIComponent(path).split(/[/\\]/).slice(1)) {
    if (segment === "..") output.pop();
    else if (segment !== ".") output.push(segment);
  }
  return output;
}

/** What the runtime sends on for a path that was accepted. */
function readByUrl(path: string): string {
  return new URL(`http://h.example${path}`).pathname;
}

function expectOneReading(raw: string): void {
  const { path } = normalisePath(raw);
  if (path === undefined) return;
  expect(normalisePath(path)).toEqual({ path });
  const byUrl = readByUrl(path);
  expect(normalisePath(byUrl)).toEqual({ path });
  // Received as it was sent: the parser must not have moved anything before we saw it either.
  expect(normalisePath(readByUrl(raw))).toEqual({ path });
  const segments = path.slice(1).split("/").map(decodeURIComponent);
  expect(readByRfc3986(path)).toEqual(segments);
  expect(readByRfc3986(raw)).toEqual(segments);
}

const piece = fc.oneof(
  fc.constantFrom(
    "/",
    "//",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%3b",
    "%00",
    "%",
    "%25",
    "%252e",
    "?",
    "#",
  ),
  fc.constantFrom(
    "a",
    "admin",
    "A",
    "%41",
    "%61",
    "%7e",
    "~",
    "%c3%a9",
    "%C3%A9",
    "%ff",
    "%c0%ae",
    "\t",
    " ",
    "+",
    "@",
    ":",
  ),
  fc.string({ maxLength: 3 }),
  fc.string({ unit: "binary", maxLength: 2 }),
);
const anyPath = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);

test("what is accepted has one reading", () => {
  fc.assert(fc.property(anyPath, expectOneReading), { numRuns: 20_000 });
});

test("a route is not reached by what others read as another path", () => {
  const patterns = ["/admin/*", "/a/{id}", "/a/{id:[0-9]+}", "/a", "/*"];
  const routes = patterns.map((text) => {
    const { pattern } = parsePath(text);
    if (pattern === undefined) throw new Error(text);
    return { name: text, match: { hosts: [], path: pattern, methods: [], headers: {} } };
  });
  const regexes = new Map([["[0-9]+", { matches: (text: string) => /^[0-9]+$/.test(text) }]]);
  const table = compileRoutes(routes, [], regexes);
  const taken = (path: string) => matchRoute(table, { host: "h", method: "GET", path, header: () => null }).route?.name;
  fc.assert(
    fc.property(anyPath, (raw) => {
      const { path } = normalisePath(raw);
      if (path === undefined) return;
      const isAdmin = readByRfc3986(readByUrl(raw))[0] === "admin";
      expect(taken(path) === "/admin/*").toBe(isAdmin);
      expect(taken(normalisePath(readByUrl(raw)).path ?? "")).toBe(taken(path));
    }),
    { numRuns: 10_000 },
  );
});

const vectors = new URL("../../../../shared/vectors/url/urltestdata.json", import.meta.url);
const cases = existsSync(vectors) ? (JSON.parse(readFileSync(vectors, "utf8")) as (string | { input: string })[]) : [];

describe.skipIf(cases.length === 0)("the WHATWG's URL cases (skipped: no vectors)", () => {
  test("have one reading or are refused", () => {
    const paths = cases.flatMap((one) => {
      if (typeof one === "string") return [];
      const afterHost = one.input.replace(/^[a-z+.-]*:?\/\/[^/?#]*/i, "");
      return [one.input, afterHost, `/${one.input}`].filter((path) => path.startsWith("/"));
    });
    expect(paths.length).toBeGreaterThan(500);
    for (const path of paths) expectOneReading(path);
  });
});
