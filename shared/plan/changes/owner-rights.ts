/**
 * Whether whoever acts for some owners may make a change: of their own routes and services, and of what only those use. What they
 * are granted is what the live version says; what their own routes may do is for `check-owners.ts`, which judges the newer document.
 */
import { targetOf, targetsIn } from "../../config/check-owners.ts";
import { Cursor } from "../../config/cursor.ts";
import { type DocumentProblem, error, type Path } from "../../config/problem.ts";
import type { Document } from "../../config/schema.ts";
import { limits } from "../../limits.ts";
import { compile } from "../compile.ts";
import { type Change, findChanges, sameJson, type Version } from "./find-changes.ts";
import { isMapping, membersOf, type Part, partKey, partsOf } from "./parts.ts";
import { refuseTaken } from "./taken-requests.ts";

type Grants = NonNullable<Document["owners"]>;
type Grant = Grants[string];

/** What both versions say, for the questions below. */
interface Judged {
  readonly live: Document;
  readonly next: Document;
  readonly owners: ReadonlySet<string>;
  readonly grants: readonly Grant[];
}

/**
 * Everything of a change that is not the owners' to make, each with its place; empty: they may.
 * @param next a version whose document was checked
 */
export function refuseForeign(live: Version, next: Version, owners: readonly string[]): DocumentProblem[] {
  if (live.document === undefined || next.document === undefined)
    return [error("SLV3236", [], "nothing is live yet: the first version is for an administrator")];
  const granted: Grants = live.document.owners ?? {};
  const grants = owners.flatMap((owner) => (Object.hasOwn(granted, owner) ? [granted[owner] as Grant] : []));
  const judged: Judged = { live: live.document, next: next.document, owners: new Set(owners), grants };
  const problems = findChanges(live, next).flatMap((change) => refuseChange(change, judged));
  // Where what is changed is not theirs, what it leads to is no news.
  const all =
    problems.length > 0
      ? problems
      : [...refuseShared(live, next), ...refuseTaken(judged.live, judged.next, judged.owners)];
  const { problemsMax } = limits.document;
  if (all.length <= problemsMax) return all;
  return [...all.slice(0, problemsMax), error("SLV3236", [], `${all.length - problemsMax} more are not shown`)];
}

function refuseChange(change: Change, judged: Judged): DocumentProblem[] {
  const { kind } = change;
  if (kind === "route") return refuseRoute(change, judged);
  if (kind === "service") return refuseService(change, judged);
  if (kind === "gateway" && change.place === "order of routes") return refuseOrder(change, judged);
  if (kind === "limit" || kind === "upstream" || kind === "contract" || kind === "descriptor")
    return refuseNamed(change, judged);
  return [foreign(change, "is for administrators")];
}

function foreign(change: Change, why: string): DocumentProblem {
  const { place, path } = change;
  return error("SLV3236", path, `${partKey(change)}${place === "" ? "" : `: ${place}`} ${why}`, {
    at: change.is === undefined ? "key" : "value",
  });
}

/** A route is theirs when it is so in both versions. */
function refuseRoute(change: Change, { live, next, owners }: Judged): DocumentProblem[] {
  const values = [live, next].flatMap((document) => partsOf(document).get(partKey(change))?.value ?? []);
  const others = values.map((value) => membersOf(value).owner).filter((owner) => !owners.has(String(owner)));
  if (others.length === 0) return [];
  const [owner] = others;
  return [foreign(change, owner === undefined ? "has no owner: it is for administrators" : `is of the owner ${owner}`)];
}

function refuseOrder(change: Change, { live, next, owners }: Judged): DocumentProblem[] {
  const others = (document: Document): string[] =>
    (document.gateway?.routes ?? []).filter(({ owner }) => !owners.has(String(owner))).map(({ name }) => name);
  const [was, is] = [others(live), others(next)];
  const known = new Set(was);
  const kept = new Set(is);
  const isSame = sameJson(
    was.filter((name) => kept.has(name)),
    is.filter((name) => known.has(name)),
  );
  return isSame ? [] : [foreign(change, "is for administrators, where routes of others change places")];
}

function refuseService(change: Change, judged: Judged): DocumentProblem[] {
  const { name, path } = change;
  if (!judged.grants.some(({ services }) => services?.includes(name)))
    return [foreign(change, "is not among the `services` of the owner")];
  const service = partsOf(judged.next).get(partKey(change))?.value;
  const before = partsOf(judged.live).get(partKey(change))?.value;
  const [exposed, was] = [membersOf(service).expose, membersOf(before).expose];
  if (!sameJson(exposed, was))
    return [foreign({ ...change, place: "expose" }, "is for administrators: it faces the outside")];
  return refuseShutOut(name, path, service, before, judged);
}

/** Who else may call is the service's own word, but routes of others that lead to it must go on to. */
function refuseShutOut(name: string, path: Path, service: unknown, before: unknown, judged: Judged): DocumentProblem[] {
  if (!letsGatewayIn(before) || letsGatewayIn(service)) return [];
  const routes = (judged.next.gateway?.routes ?? []).filter(({ owner }) => !judged.owners.has(String(owner)));
  const relying = routes.find((route) => targetsIn(new Cursor(route)).some((target) => targetOf(target.name) === name));
  if (relying === undefined) return [];
  const message = `service ${name} would no longer let the gateway in, and the route ${relying.name} of others leads there`;
  return [error("SLV3237", [...path.slice(0, 3), "access"], message)];
}

function letsGatewayIn(service: unknown): boolean {
  if (service === undefined) return false;
  const { access } = membersOf(service);
  return !Array.isArray(access) || access.some((rule) => ["gateway", "*"].includes(String(membersOf(rule).from)));
}

/** Limits and the like that no route but theirs names, in neither version. */
function refuseNamed(change: Change, judged: Judged): DocumentProblem[] {
  const key = partKey(change);
  const isTheirs = [judged.live, judged.next].every((document) => !isNamedByOthers(document, key, change.name, judged));
  const isUsed = [judged.live, judged.next].some((document) =>
    (document.gateway?.routes ?? []).some(
      ({ owner, ...route }) => judged.owners.has(String(owner)) && names(route, change.name),
    ),
  );
  if (!isTheirs) return [foreign(change, "is used by others, too")];
  if (!isUsed) return [foreign(change, "is used by no route of the owner")];
  const [value, before] = [judged.next, judged.live].map((document) => partsOf(document).get(key)?.value);
  return change.kind === "upstream" ? refuseTargets(change, value, before, judged) : [];
}

function isNamedByOthers(document: Document, key: string, name: string, { owners }: Judged): boolean {
  const others = [...partsOf(document)].filter(([other, part]) => other !== key && !isOwnRoute(part, owners));
  // That somebody else may use it is no use of it.
  return others.some(([, { kind, value }]) => kind !== "owner" && names(value, name));
}

function isOwnRoute({ kind, value }: Part, owners: ReadonlySet<string>): boolean {
  return kind === "route" && owners.has(String(membersOf(value).owner));
}

/** Whether a name stands anywhere in a value, as a word: rather once too often. */
function names(value: unknown, name: string): boolean {
  if (typeof value === "string") return wordsOf(value).includes(name);
  if (Array.isArray(value)) return value.some((item) => names(item, name));
  return isMapping(value) && Object.entries(value).some(([key, item]) => key === name || names(item, name));
}

const wordsOf = (text: string): string[] => text.split(/[^\w-]+/);

/** An upstream leads where its owner's routes may lead; bindings are what the gateway was deployed with. */
function refuseTargets(change: Change, value: unknown, before: unknown, { grants }: Judged): DocumentProblem[] {
  const free = grants.some(({ to }) => to === undefined);
  const granted = new Set([...originsIn(before), ...grants.flatMap(({ to = [] }) => to.map(targetOf))]);
  const origins = free ? [] : originsIn(value).filter((origin) => !granted.has(origin));
  const known = new Set(bindingsIn(before));
  return [
    ...origins.map((origin) => foreign(change, `leads to ${origin}, which the owner is not granted`)),
    ...bindingsIn(value)
      .filter((binding) => !known.has(binding))
      .map((binding) => foreign(change, `uses the binding ${binding}, which is for administrators`)),
  ];
}

function targetsOfUpstream(upstream: unknown): unknown[] {
  const { targets } = membersOf(upstream);
  return Array.isArray(targets) ? targets : [];
}

function originsIn(upstream: unknown): string[] {
  return targetsOfUpstream(upstream).flatMap((target) => {
    const url = typeof target === "string" ? target : membersOf(target).url;
    return typeof url === "string" ? targetOf(url) : [];
  });
}

function bindingsIn(upstream: unknown): string[] {
  return targetsOfUpstream(upstream).flatMap((target) => {
    const { binding, mtls } = membersOf(target);
    return [binding, mtls].filter((one) => typeof one === "string");
  });
}

/** Members of the gateway that are made of single routes, or of what those use. */
const OF_ROUTES: ReadonlySet<string> = new Set(["routes", "upstreams", "limitRows", "artifacts", "format"]);

/** What routes bring about for all others, such as a header that no client may say any more. */
function refuseShared(live: Version, next: Version): DocumentProblem[] {
  const [was, is] = [live, next].map(gatewayOf);
  if (was === undefined)
    return [error("SLV3236", [], "the live version is of an older release: an administrator has to apply it anew")];
  return Object.keys({ ...was, ...is })
    .filter((key) => !OF_ROUTES.has(key) && !sameJson(was[key], is?.[key]))
    .map((key) => error("SLV3237", ["gateway"], `the change makes another \`${key}\` for all routes of the gateway`));
}

/** Undefined: it cannot be compiled any more. */
function gatewayOf({ document, artifacts }: Version): Readonly<Record<string, unknown>> | undefined {
  try {
    return membersOf(document === undefined ? undefined : compile(document, artifacts).gateway);
  } catch {
    return undefined;
  }
}
