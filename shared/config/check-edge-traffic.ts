/** Checks of `traffic`, `mirror` and `faults` of a route: targets, weights, rules that never decide. */
import { checkFaults } from "./check-faults.ts";
import { checkSplit } from "./check-split.ts";
import type { Cursor } from "./cursor.ts";
import { matchesAll } from "./matches-all.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

/** Names of a target, and where they stand. */
export interface NamedTarget {
  readonly place: Cursor;
  readonly name: string;
  readonly at: "key" | "value";
}

const NEEDS_ONE_TARGET = ["traffic", "mirror", "faults"];
const FAULTS = ["delay", "abort"];

export function checkEdgeTraffic(route: Cursor): DocumentProblem[] {
  if (!route.get("to").exists)
    return NEEDS_ONE_TARGET.filter((key) => route.get(key).exists).map((key) =>
      error("SLV3009", route.get(key).path, `\`${key}\` has no meaning without \`to\`, where requests go otherwise`, {
        at: "key",
      }),
    );
  return [
    ...checkRules(route),
    ...checkFaults(route, FAULTS),
    ...NEEDS_ONE_TARGET.flatMap((key) => checkUsers(route, key)),
  ];
}

/** Every target that is named beside `to`. */
export function otherTargets(route: Cursor): NamedTarget[] {
  return [...route.get("traffic").items, ...route.get("mirror").items].flatMap(targetsOf);
}

/** Where a rule of `traffic` or `mirror` sends requests. */
export function targetsOf(rule: Cursor): NamedTarget[] {
  const to = rule.get("to");
  const split = rule.get("split").entries.map(([name, place]) => ({ name, place, at: "key" as const }));
  return [...(to.text === undefined ? [] : [{ name: to.text, place: to, at: "value" as const }]), ...split];
}

function checkRules(route: Cursor): DocumentProblem[] {
  let catchAll = false;
  return route.get("traffic").items.flatMap((rule) => {
    const problems = [...checkSplit(rule, "target"), ...checkSticky(rule)];
    if (catchAll)
      problems.push(warning("SLV3012", rule.path, "this rule never matches: a rule above it takes every request"));
    catchAll ||= typeof rule.value === "object" && matchesAll(rule.get("match"));
    return problems;
  });
}

function checkSticky(rule: Cursor): DocumentProblem[] {
  const sticky = rule.get("sticky");
  if (!sticky.exists) return [];
  if (rule.get("to").exists)
    return [
      warning("SLV3009", sticky.path, "`sticky` does nothing where all requests go to one target", { at: "key" }),
    ];
  if (typeof sticky.value !== "object") return [];
  const [header, cookie, maxAge] = [sticky.get("header"), sticky.get("cookie"), sticky.get("maxAge")];
  if (header.exists === cookie.exists)
    return [
      error("SLV2005", sticky.path, "`sticky` needs exactly one of `header` and `cookie`, or is `identity` or `ip`"),
    ];
  if (!maxAge.exists || cookie.exists) return [];
  return [error("SLV3009", maxAge.path, "`maxAge` is that of a cookie, and there is none", { at: "key" })];
}

/** Nobody is known on a public route. */
function checkUsers(route: Cursor, key: string): DocumentProblem[] {
  if (route.get("auth").exists) return [];
  return route.get(key).items.flatMap((rule) => {
    const asked = ["claims", "scopes"].map((one) => rule.get("match", one)).filter(({ exists }) => exists);
    const problems = asked.map(({ path }) =>
      warning("SLV3122", path, "this never matches: the route has no `auth`, so nobody is known", { at: "key" }),
    );
    const sticky = rule.get("sticky");
    if (sticky.text === "identity")
      problems.push(
        warning("SLV3122", sticky.path, "the route has no `auth`: each request is drawn anew", {
          expected: "`ip`, a header or a cookie",
        }),
      );
    return problems;
  });
}
