/** Routes that take each other's requests: equal ones are an error, those that can never match a warning. */
import { limits } from "../limits.ts";
import { shapeOf } from "../route/parse-path.ts";
import { asksWho, matchText } from "./check-siblings.ts";
import type { Cursor } from "./cursor.ts";
import { coversIdentity } from "./identity-cover.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { covers, type Tests, testsOf } from "./test-cover.ts";

interface Claim {
  readonly route: Cursor;
  readonly name: string;
  readonly hosts: ReadonlySet<string>;
  readonly methods: ReadonlySet<string>;
  readonly tests: Tests;
  /** Equal for siblings; absent where no route asks who it is. */
  readonly match: string | undefined;
}

/** Claims whose tests are not all single texts: each later one is compared with so many of them. */
const WIDE_CLAIMS_MAX = 100;

/**
 * Only routes of one rank can hide each other: the same shape, the same names asked for, and both with methods or both
 * without. Between others the more specific one comes first and takes a part of the requests only.
 */
export function checkOverlaps(routes: readonly Cursor[]): DocumentProblem[] {
  const earlier = new Claims();
  const someAsk = routes.some(asksWho);
  return routes.flatMap((route) => {
    const { pattern } = matchPattern(route);
    if (pattern === undefined) return [];
    const own: Claim = {
      route,
      name: route.get("name").text ?? "",
      hosts: new Set(route.get("match", "hosts").texts.map((host) => host.toLowerCase())),
      methods: new Set(route.get("match", "methods").texts),
      tests: testsOf(route.get("match")),
      match: someAsk ? matchText(route) : undefined,
    };
    const rank = JSON.stringify([shapeOf(pattern), own.tests.names, own.methods.size > 0]);
    const hiding = earlier.like(rank, own).find((claim) => hides(claim, own));
    earlier.add(rank, own);
    return hiding === undefined ? [] : [describeOverlap(hiding, own)];
  });
}

/** Claims by rank and host, and those that ask for the same single texts together, so that 10,000 routes take no time. */
class Claims {
  readonly #same = new Map<string, Claim[]>();
  readonly #wide = new Map<string, Claim[]>();

  /** How many siblings there are by what they match. */
  readonly #siblings = new Map<string, number>();

  add(rank: string, claim: Claim): void {
    if (claim.match !== undefined) {
      const count = this.#siblings.get(claim.match) ?? 0;
      this.#siblings.set(claim.match, count + 1);
      // Each of many would be compared with all before it. That they are too many is told elsewhere.
      if (count > limits.route.siblingsMax) return;
    }
    for (const host of hostsOf(claim)) {
      put(this.#same, `${rank} ${host} ${claim.tests.text}`, claim);
      if (claim.tests.isWide && (this.#wide.get(`${rank} ${host}`)?.length ?? 0) < WIDE_CLAIMS_MAX)
        put(this.#wide, `${rank} ${host}`, claim);
    }
  }

  /** Those that may hide a claim; one that does names each of its hosts, the first as well. */
  like(rank: string, claim: Claim): Claim[] {
    const [host = ""] = hostsOf(claim);
    const same = this.#same.get(`${rank} ${host} ${claim.tests.text}`) ?? [];
    return [...same, ...(this.#wide.get(`${rank} ${host}`) ?? [])];
  }
}

/** None is a rank of its own, below named ones. */
function hostsOf({ hosts }: Claim): string[] {
  return hosts.size === 0 ? [""] : [...hosts];
}

function put(claims: Map<string, Claim[]>, key: string, claim: Claim): void {
  const list = claims.get(key);
  if (list === undefined) claims.set(key, [claim]);
  else list.push(claim);
}

function hides(earlier: Claim, later: Claim): boolean {
  const hosts = (earlier.hosts.size === 0) === (later.hosts.size === 0) && within(later.hosts, earlier.hosts);
  return (
    hosts && !isBeside(earlier, later) && covers(earlier.tests, later.tests) && shared(earlier, later) !== undefined
  );
}

/** Whether who asks tells them apart, so that the later one has requests of its own. */
function isBeside(earlier: Claim, later: Claim): boolean {
  if (earlier.match === undefined || earlier.match !== later.match) return false;
  return !coversIdentity(earlier.route.get("match", "identity"), later.route.get("match", "identity"));
}

/** Which of the later route's methods the earlier one takes. A route for the rest of the methods is no mistake. */
function shared(earlier: Claim, later: Claim): "all" | string[] | undefined {
  if (within(later.methods, earlier.methods)) return "all";
  const methods = [...later.methods].filter((method) => earlier.methods.has(method));
  return methods.length === 0 ? undefined : methods;
}

function within(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((member) => outer.has(member));
}

function describeOverlap(earlier: Claim, later: Claim): DocumentProblem {
  const path = later.route.get("match").path;
  const same = earlier.hosts.size === later.hosts.size && earlier.methods.size === later.methods.size;
  const [outer, inner] = [earlier.route.get("match", "identity"), later.route.get("match", "identity")];
  const isEqual = same && within(later.methods, earlier.methods) && earlier.tests.text === later.tests.text;
  if (isEqual && (coversIdentity(inner, outer) || earlier.match !== later.match))
    return error("SLV3007", path, `route ${later.name} matches exactly what route ${earlier.name} above it matches`, {
      other: earlier.route.get("match").path,
      ...((outer.exists || inner.exists) && {
        expected: "the same names of path parameters, and another `identity`, where who asks tells them apart",
      }),
    });
  const taken = shared(earlier, later);
  if (taken === "all")
    return warning(
      "SLV3012",
      path,
      `route ${later.name} never matches: route ${earlier.name} above it takes its requests`,
      {
        expected: `a narrower match, or a place above ${earlier.name}`,
      },
    );
  return warning(
    "SLV3012",
    path,
    `route ${later.name} never gets ${taken?.join(", ")}: route ${earlier.name} above it takes them`,
  );
}
