/**
 * Checks of routes that match the same requests but for who asks. Which of them takes one is known after all that finds out who
 * it is, so that what is decided until then is the same for all of them.
 */
import { limits } from "../limits.ts";
import { canonicalJson } from "../plan/canonical-json.ts";
import { compileMatch } from "../plan/compile-match.ts";
import type { Cursor } from "./cursor.ts";
import { matchesAll } from "./matches-all.ts";
import { type DocumentProblem, error } from "./problem.ts";
import type { MatchConfig } from "./schema-match.ts";
import { quote } from "./schema-problems.ts";

export function checkSiblings(routes: readonly Cursor[]): DocumentProblem[] {
  const served = routes.filter((route) => !route.get("quarantine").exists);
  if (!served.some(asksWho)) return [];
  const groups = new Map<string, Cursor[]>();
  for (const route of served) {
    const key = matchText(route);
    if (key === undefined) continue;
    const others = groups.get(key);
    if (others === undefined) groups.set(key, [route]);
    else others.push(route);
  }
  return [...groups.values()].filter((group) => group.some(asksWho)).flatMap(checkGroup);
}

export const asksWho = (route: Cursor): boolean => route.get("match", "identity").exists;

/** What a route matches, without who asks: equal for siblings, as they are in the plan. Undefined: it cannot be read. */
export function matchText(route: Cursor): string | undefined {
  try {
    const match = compileMatch("", route.get("match").value as MatchConfig);
    return canonicalJson({ ...match, identity: undefined });
  } catch {
    // What is wrong with it is told by the checks of its parts.
    return undefined;
  }
}

function checkGroup(group: readonly Cursor[]): DocumentProblem[] {
  const unknown = group.map((route) => (asksWho(route) ? checkKnown(route) : []));
  const usable = group.filter((_, at) => unknown[at]?.length === 0);
  // A route of an owner gives way to those of the document, so that it breaks itself alone.
  const model = usable.find((route) => !route.get("owner").exists) ?? usable[0];
  const cached = usable.find(hasCache);
  const compared = usable.flatMap((route) => [...differences(route, model), ...checkCacheKey(route, cached)]);
  return [...unknown.flat(), ...compared, ...checkCount(group)];
}

/** Who asks is asked of somebody who is known. */
function checkKnown(route: Cursor): DocumentProblem[] {
  const [identity, auth] = [route.get("match", "identity"), route.get("auth")];
  if (matchesAll(identity)) return [error("SLV2001", identity.path, "`identity` asks for nothing: leave it out")];
  if (!auth.exists)
    return [
      error("SLV3176", identity.path, "the route has no `auth`: nobody is known, so it never matches", {
        at: "key",
        expected: "`auth`, the same as on the routes beside it",
      }),
    ];
  if (auth.get("optional").value === true) return [];
  const nobody = identity.get("method").oneOrItems.find(({ text }) => text === "anonymous");
  if (nobody === undefined) return [];
  return [error("SLV3176", nobody.path, "nobody is anonymous here: `auth` is not `optional`")];
}

const DECIDED_BEFORE = ["auth", "maxBody", "timeout", "upgrades", "streamIdle", "maxConnections"];

function differences(route: Cursor, model: Cursor | undefined): DocumentProblem[] {
  if (model === undefined) return [];
  return DECIDED_BEFORE.flatMap((key) => {
    const [own, other] = [route.get(key), model.get(key)];
    if (textOf(own) === textOf(other)) return [];
    const name = quote(model.get("name").text ?? "");
    const message = `\`${key}\` is not that of the route ${name}, which matches the same requests: it is needed before it is known who asks`;
    return [error("SLV3175", own.path, message, { at: "key", other: other.exists ? other.path : model.path })];
  });
}

/** What changes by a request of one of them makes answers of all of them invalid, by one name. */
function checkCacheKey(route: Cursor, cached: Cursor | undefined): DocumentProblem[] {
  if (cached === undefined || !hasCache(route)) return [];
  const [own, other] = [route.get("cache", "key", "query"), cached.get("cache", "key", "query")];
  if (textOf(own) === textOf(other)) return [];
  const message =
    "routes that match the same requests name what they keep in one way: `cache.key.query` is not the same";
  return [error("SLV3175", own.path, message, { at: "key", other: other.exists ? other.path : cached.path })];
}

function hasCache(route: Cursor): boolean {
  const { exists, value } = route.get("cache");
  return exists && value !== false;
}

const textOf = ({ value }: Cursor): string => (value === undefined ? "" : canonicalJson(value));

function checkCount(group: readonly Cursor[]): DocumentProblem[] {
  const { siblingsMax } = limits.route;
  return group
    .slice(siblingsMax)
    .map((route) =>
      error(
        "SLV3177",
        route.get("match").path,
        `more than ${siblingsMax} routes match the same requests but for who asks`,
      ),
    );
}
