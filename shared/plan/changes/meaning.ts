/** What a change means for traffic, as far as the document tells. */
import type { Path } from "../../config/problem.ts";
import { isMapping, membersOf, type PartKind } from "./parts.ts";

export interface Meaning {
  /** One phrase for people. */
  readonly text: string;
  /** `widens`: somebody may do more than before. `narrows`: somebody may do less. `moves`: requests go elsewhere. */
  readonly effect?: "widens" | "narrows" | "moves";
}

/**
 * @param path within the part; empty: all of it
 * @param was undefined: it is new
 * @param is undefined: it is removed
 */
export function meaningOf(kind: PartKind, path: Path, was: unknown, is: unknown): Meaning | undefined {
  if (kind === "route") return path.length === 0 ? ofRoute(was, is) : withinRoute(path, was, is);
  if (kind === "service") return path.length === 0 ? ofService(was, is) : withinService(path, was, is);
  if (kind === "owner") return { text: "what the owner may do" };
  if (kind === "identity provider") return ofProvider(path, was, is);
  if (
    kind === "limit" &&
    path.length > 0 &&
    /^(?:mode|shadow)$/.test(String(path.at(-1))) &&
    ofShadow(was, is) !== undefined
  )
    return ofShadow(was, is);
  if (kind === "limit") return { text: "how much the routes that name it let pass" };
  if (kind === "gateway" && path.length > 0) return ofGateway(path, was, is);
  return undefined;
}

const PUBLIC = "public: nobody has to prove who they are";

function ofRoute(was: unknown, is: unknown): Meaning | undefined {
  const { auth, quarantine } = membersOf(is);
  if (is === undefined) return { text: "its requests go to another route, or to none", effect: "moves" };
  if (was !== undefined) return undefined;
  if (quarantine !== undefined) return { text: "a new route that is out of service", effect: "narrows" };
  if (auth === undefined) return { text: `a new route, ${PUBLIC}`, effect: "widens" };
  if (membersOf(auth).mode === "shadow")
    return { text: "a new route, open: its `auth` is in shadow", effect: "widens" };
  return { text: "a new route" };
}

function withinRoute(path: Path, was: unknown, is: unknown): Meaning | undefined {
  const [key] = path;
  const ofMode = isPolicyMode(path) ? ofShadow(was, is) : undefined;
  if (ofMode !== undefined) return ofMode;
  if (key === "auth") return ofAuth(path, was, is);
  if (key === "quarantine") {
    if (is === undefined) return { text: "in service again", effect: "widens" };
    return was === undefined ? { text: "out of service: 503", effect: "narrows" } : undefined;
  }
  const guard = GUARDS.get(String(key));
  if (guard !== undefined && path.length === 1) {
    if (is === undefined) return { text: `no longer ${guard}`, effect: "widens" };
    if (was === undefined) return { text: guard, effect: "narrows" };
  }
  if (key === "match") return { text: "other requests are this route's", effect: "moves" };
  return ELSEWHERE.has(String(key)) ? { text: "requests go elsewhere", effect: "moves" } : undefined;
}

/** `mode` or `shadow` of a policy, and not the mode of something else. */
function isPolicyMode(path: Path): boolean {
  const last = path.at(-1);
  return path.length > 1 && (last === "mode" || last === "shadow" || (path[0] === "validate" && last === "requests"));
}

/** Whether a policy refuses anybody from now on; undefined: that stays as it was. */
function ofShadow(was: unknown, is: unknown): Meaning | undefined {
  const inShadow = (value: unknown): boolean => value === "shadow" || value === true;
  if (inShadow(was) === inShadow(is)) return undefined;
  return inShadow(is)
    ? { text: "in shadow: refuses nobody, and is counted", effect: "widens" }
    : { text: "refuses from now on", effect: "narrows" };
}

/** Keys of a route that keep something out. */
const GUARDS: ReadonlyMap<string, string> = new Map([
  ["rateLimit", "limited"],
  ["validate", "held to a contract"],
  ["graphql", "guarded as GraphQL"],
  ["idempotency", "kept from being carried out twice"],
]);

const ELSEWHERE: ReadonlySet<string> = new Set([
  "to",
  "rewrite",
  "traffic",
  "mirror",
  "aggregate",
  "handler",
  "respond",
  "redirect",
]);

function ofAuth(path: Path, was: unknown, is: unknown): Meaning {
  if (path.length === 1 && is === undefined) return { text: PUBLIC, effect: "widens" };
  const inShadow = membersOf(is).mode === "shadow";
  if (path.length === 1 && was === undefined)
    return inShadow
      ? { text: "credentials are looked at, in shadow: nobody is refused" }
      : { text: "callers have to prove who they are", effect: "narrows" };
  if (path.length === 1 && inShadow && membersOf(was).mode !== "shadow")
    return { text: "in shadow: refuses nobody, and is counted", effect: "widens" };
  const last = path.at(-1);
  const isDemand =
    last === "scopes" || last === "all" || path[1] === "claims" || last === "when" || last === "decision";
  const order = isDemand ? compareSets(is, was) : compareSets(was, is);
  const text = last === "optional" ? "who may pass without credentials" : "who may call";
  return order === undefined ? { text } : { text, effect: order };
}

/** Of lists where more members let more in: what becomes of it. An absent one has none. */
function compareSets(was: unknown, is: unknown): "widens" | "narrows" | undefined {
  const texts = (value: unknown): ReadonlySet<string> =>
    new Set((Array.isArray(value) ? value : value === undefined ? [] : [value]).map((one) => JSON.stringify(one)));
  const [before, after] = [texts(was), texts(is)];
  const [hasAll, isAll] = [[...before].every((one) => after.has(one)), [...after].every((one) => before.has(one))];
  if (hasAll === isAll) return undefined;
  return hasAll ? "widens" : "narrows";
}

const ANYBODY = "every workload of the mesh may call it";

function ofService(was: unknown, is: unknown): Meaning | undefined {
  if (is === undefined) return { text: "nobody calls it any more", effect: "narrows" };
  if (was !== undefined) return undefined;
  if (membersOf(is).expose !== undefined) return { text: "a new service that faces the outside", effect: "widens" };
  if (membersOf(is).access === undefined) return { text: `a new service: ${ANYBODY}`, effect: "widens" };
  return { text: "a new service" };
}

function withinService(path: Path, was: unknown, is: unknown): Meaning | undefined {
  const [key] = path;
  const ofMode = isPolicyMode(path) ? ofShadow(was, is) : undefined;
  if (ofMode !== undefined) return ofMode;
  if (key === "access") return ofAccess(path, was, is);
  if (key === "expose") {
    if (path.length > 1) return { text: "what the outside may ask of it" };
    if (is === undefined) return { text: "no longer open to the outside", effect: "narrows" };
    return { text: "opens a listener to the outside", effect: "widens" };
  }
  if (key === "rateLimit" && path.length === 1 && is === undefined)
    return { text: "no longer limited", effect: "widens" };
  return key === "traffic" || key === "mirror" ? { text: "calls go to other instances", effect: "moves" } : undefined;
}

function ofAccess(path: Path, was: unknown, is: unknown): Meaning {
  if (path.length === 1 && is === undefined) return { text: ANYBODY, effect: "widens" };
  if (path.length === 1 && was === undefined) return { text: "only who is listed may call it", effect: "narrows" };
  if (path.length === 2 && was === undefined) return { text: `lets ${whoOf(is)} in`, effect: "widens" };
  if (path.length === 2 && is === undefined) return { text: `no longer lets ${whoOf(was)} in`, effect: "narrows" };
  if (path.length === 3 && path[2] === "from")
    return { text: `lets ${String(is)} in instead of ${String(was)}`, effect: "widens" };
  const isOther = path.length === 1;
  return { text: isOther ? "who may call it" : "what the caller may ask for" };
}

function whoOf(rule: unknown): string {
  const { from } = membersOf(rule);
  return from === "*" ? "every workload" : String(from);
}

function ofProvider(path: Path, was: unknown, is: unknown): Meaning {
  if (path.length > 0) return { text: "whose credentials are believed" };
  if (was === undefined) return { text: "more credentials are believed, where routes name it", effect: "widens" };
  return is === undefined
    ? { text: "its credentials are believed no more", effect: "narrows" }
    : { text: "whose credentials are believed" };
}

function ofGateway(path: Path, was: unknown, is: unknown): Meaning | undefined {
  const [key] = path;
  if (key === "shedding" && isPolicyMode(path)) return ofShadow(was, is);
  if (key === "hosts") {
    const effect = compareSets(was, is);
    return { text: "the hosts that are served", ...(effect !== undefined && { effect }) };
  }
  if (key === "clientIp" || key === "tlsTerminator")
    return { text: "whose word on clients is believed", ...(was === undefined && { effect: "widens" as const }) };
  if (key === "cors")
    return {
      text: "which pages may read answers",
      ...(was === undefined && isMapping(is) && { effect: "widens" as const }),
    };
  return undefined;
}
