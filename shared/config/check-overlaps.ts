/** Routes that take each other's requests: equal ones are an error, those that can never match a warning. */
import { parsePath, shapeOf } from "../route/parse-path.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

interface Claim {
  readonly route: Cursor;
  readonly name: string;
  readonly hosts: ReadonlySet<string>;
  readonly methods: ReadonlySet<string>;
}

/**
 * Only routes of the same shape and headers can hide each other: between others the more specific one comes first and
 * takes a part of the requests only.
 */
export function checkOverlaps(routes: readonly Cursor[]): DocumentProblem[] {
  const claims = new Map<string, Claim[]>();
  return routes.flatMap((route) => {
    const pattern = parsePath(route.get("match", "path").text ?? "").pattern;
    if (pattern === undefined) return [];
    const headers = route.get("match", "headers").entries.map(([name, value]) => `${name.toLowerCase()}=${value.text}`);
    const key = JSON.stringify([shapeOf(pattern), headers.sort(), route.get("match", "version").text]);
    const own: Claim = {
      route,
      name: route.get("name").text ?? "",
      hosts: new Set(route.get("match", "hosts").texts.map((host) => host.toLowerCase())),
      methods: new Set(route.get("match", "methods").texts),
    };
    const earlier = claims.get(key) ?? [];
    claims.set(key, [...earlier, own]);
    const hiding = earlier.find((claim) => covers(claim.hosts, own.hosts) && shared(claim, own) !== undefined);
    return hiding === undefined ? [] : [describeOverlap(hiding, own)];
  });
}

/** Hosts: none is a rank of its own, below named ones. */
function covers(outer: ReadonlySet<string>, inner: ReadonlySet<string>): boolean {
  return (outer.size === 0) === (inner.size === 0) && within(inner, outer);
}

/** Which of the later route's methods the earlier one takes. A route for the rest of the methods is no mistake. */
function shared(earlier: Claim, later: Claim): "all" | string[] | undefined {
  if (earlier.methods.size === 0 || (later.methods.size > 0 && within(later.methods, earlier.methods))) return "all";
  const methods = [...later.methods].filter((method) => earlier.methods.has(method));
  return methods.length === 0 ? undefined : methods;
}

function within(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((member) => outer.has(member));
}

function describeOverlap(earlier: Claim, later: Claim): DocumentProblem {
  const path = later.route.get("match").path;
  const hosts = earlier.hosts.size === later.hosts.size;
  if (hosts && earlier.methods.size === later.methods.size && within(later.methods, earlier.methods))
    return error("SLV3007", path, `route ${later.name} matches exactly what route ${earlier.name} above it matches`);
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
