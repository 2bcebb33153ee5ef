/**
 * Whether whoever acts for some owners may make a change: of their own routes and services, and of what only those use. Grants
 * are no part of that, so that they are the same in both versions; that all keeps to them is for `check-owners.ts`.
 */
import { targetOf, targetsIn } from "../../config/check-owners.ts";
import { Cursor } from "../../config/cursor.ts";
import { type DocumentProblem, error } from "../../config/problem.ts";
import type { Document } from "../../config/schema.ts";
import { limits } from "../../limits.ts";
import { compile } from "../compile.ts";
import { type Change, findChanges, sameJson, type Version } from "./find-changes.ts";
import { isMapping, membersOf, partKey, partsOf } from "./parts.ts";
import { refuseTaken } from "./taken-requests.ts";

/** What both versions say, for the questions below. */
interface Judged {
  readonly live: Document;
  readonly next: Document;
  readonly owners: ReadonlySet<string>;
}

/**
 * Everything of a change that is not the owners' to make, each with its place; empty: they may.
 * @param next a version whose document was checked
 */
export function refuseForeign(live: Version, next: Version, owners: readonly string[]): DocumentProblem[] {
  if (live.document === undefined || next.document === undefined)
    return [error("SLV3235", [], "nothing is live yet: the first version is for an administrator")];
  const judged: Judged = { live: live.document, next: next.document, owners: new Set(owners) };
  const problems = findChanges(live, next).flatMap((change) => refuseChange(change, judged));
  // Where what is changed is not theirs, what it leads to is no news.
  const all =
    problems.length > 0
      ? problems
      : [...refuseShared(live, next), ...refuseTaken(judged.live, judged.next, judged.owners)];
  const { problemsMax } = limits.document;
  if (all.length <= problemsMax) return all;
  return [...all.slice(0, problemsMax), error("SLV3235", [], `${all.length - problemsMax} more are not shown`)];
}

function refuseChange(change: Change, judged: Judged): DocumentProblem[] {
  const { kind } = change;
  if (kind === "route" || kind === "service" || kind === "upstream") return refuseOwned(change, judged);
  if (kind === "gateway" && change.place === "order of routes") return refuseOrder(change, judged);
  if (kind === "limit" || kind === "contract" || kind === "descriptor") return refuseNamed(change, judged);
  return [foreign(change, "is for administrators")];
}

function foreign(change: Change, why: string): DocumentProblem {
  const { place, path } = change;
  return error("SLV3235", path, `${partKey(change)}${place === "" ? "" : `: ${place}`} ${why}`, {
    at: change.is === undefined ? "key" : "value",
  });
}

/** Theirs is what is so in both versions. What it may is said by its grants, which are the same in both. */
function refuseOwned(change: Change, judged: Judged): DocumentProblem[] {
  const [before, after] = [judged.live, judged.next].map((document) => partsOf(document).get(partKey(change))?.value);
  const others = [before, after]
    .filter((value) => value !== undefined)
    .map((value) => membersOf(value).owner)
    .filter((owner) => !isOf(owner, judged.owners));
  if (others.length > 0) {
    const [owner] = others;
    return [
      foreign(change, owner === undefined ? "has no owner: it is for administrators" : `is of the owner ${owner}`),
    ];
  }
  if (change.kind !== "service") return [];
  return [...refuseFound(change, before, after), ...refuseShutOut(change, before, after, judged)];
}

/** Nobody's is nobody's, whatever an owner is called. */
function isOf(owner: unknown, owners: ReadonlySet<string>): boolean {
  return typeof owner === "string" && owners.has(owner);
}

function refuseOrder(change: Change, { live, next, owners }: Judged): DocumentProblem[] {
  const others = (document: Document): string[] =>
    (document.gateway?.routes ?? []).filter(({ owner }) => !isOf(owner, owners)).map(({ name }) => name);
  const [was, is] = [others(live), others(next)];
  const known = new Set(was);
  const kept = new Set(is);
  const isSame = sameJson(
    was.filter((name) => kept.has(name)),
    is.filter((name) => known.has(name)),
  );
  return isSame ? [] : [foreign(change, "is for administrators, where routes of others change places")];
}

/** By it agents of others send their requests to any address, and what is in files beside them. */
function refuseFound(change: Change, before: unknown, after: unknown): DocumentProblem[] {
  const [was, is] = [before, after].map((service) => membersOf(service ?? {}).discovery);
  const [, , , member = "discovery"] = change.path;
  if (after === undefined || member !== "discovery" || sameJson(was, is)) return [];
  const message = `${partKey(change)}: where its endpoints are found (\`discovery\`) is for administrators`;
  return [error("SLV3235", [...change.path.slice(0, 3), ...(is === undefined ? [] : ["discovery"])], message)];
}

/** Who else may call is the service's own word, but routes of others that lead to it must go on to. */
function refuseShutOut({ name, path }: Change, before: unknown, service: unknown, judged: Judged): DocumentProblem[] {
  if (!letsGatewayIn(before) || letsGatewayIn(service)) return [];
  const routes = (judged.next.gateway?.routes ?? []).filter(({ owner }) => !isOf(owner, judged.owners));
  const relying = routes.find((route) => targetsIn(new Cursor(route)).some((target) => targetOf(target.name) === name));
  if (relying === undefined) return [];
  const message = `service ${name} would no longer let the gateway in, and the route ${relying.name} of others leads there`;
  return [error("SLV3236", [...path.slice(0, 3), "access"], message)];
}

function letsGatewayIn(service: unknown): boolean {
  if (service === undefined) return false;
  const { access } = membersOf(service);
  return !Array.isArray(access) || access.some((rule) => ["gateway", "*"].includes(String(membersOf(rule).from)));
}

/** Limits and the like that nothing but their own names, in neither version. */
function refuseNamed(change: Change, { live, next, owners }: Judged): DocumentProblem[] {
  const users = [live, next]
    .flatMap((document) => [...partsOf(document).values()])
    .filter((part) => {
      // That somebody else may use it is no use of it.
      return partKey(part) !== partKey(change) && part.kind !== "owner" && names(part.value, change.name);
    });
  if (users.some(({ value }) => !isOf(membersOf(value).owner, owners)))
    return [foreign(change, "is used by others, too")];
  return users.length > 0 ? [] : [foreign(change, "is used by nothing of the owner's")];
}

/** Whether a name stands anywhere in a value, as a word: rather once too often. */
function names(value: unknown, name: string): boolean {
  if (typeof value === "string") return wordsOf(value).includes(name);
  if (Array.isArray(value)) return value.some((item) => names(item, name));
  return isMapping(value) && Object.entries(value).some(([key, item]) => key === name || names(item, name));
}

const wordsOf = (text: string): string[] => text.split(/[^\w-]+/);

/** Members of the gateway that are made of single routes, or of what those use. */
const OF_ROUTES: ReadonlySet<string> = new Set(["routes", "upstreams", "limitRows", "artifacts", "format"]);

/** What routes bring about for all others, such as a header that no client may say any more. */
function refuseShared(live: Version, next: Version): DocumentProblem[] {
  const [was, is] = [live, next].map(gatewayOf);
  if (was === undefined)
    return [error("SLV3235", [], "the live version is of an older release: an administrator has to apply it anew")];
  return Object.keys({ ...was, ...is })
    .filter((key) => !OF_ROUTES.has(key) && !sameJson(was[key], is?.[key]))
    .map((key) => error("SLV3236", ["gateway"], `the change makes another \`${key}\` for all routes of the gateway`));
}

/** Undefined: it cannot be compiled any more. */
function gatewayOf({ document, artifacts }: Version): Readonly<Record<string, unknown>> | undefined {
  try {
    return membersOf(document === undefined ? undefined : compile(document, artifacts).gateway);
  } catch {
    return undefined;
  }
}
