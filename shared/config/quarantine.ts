/** Broken routes of owners are put out of service, so that they do not keep the rest from serving. */
import { limits } from "../limits.ts";
import { checkDocument } from "./check-document.ts";
import type { DocumentProblem } from "./problem.ts";
import type { Document } from "./schema.ts";

export interface QuarantinedRoute {
  readonly owner: string;
  /** Absent: it has none that can be read. */
  readonly name?: string;
  /** Code and sentence of its first error. */
  readonly reason: string;
  /** False: what it matches cannot be read, so it is left out, and other routes may get its requests. */
  readonly answered: boolean;
}

export interface Quarantine {
  /** Absent: something is broken that belongs to no owner. */
  readonly document?: Document;
  readonly quarantined: readonly QuarantinedRoute[];
}

/**
 * @param merged a document with the routes of all files
 * @param isOwned whether a route, by its index, stands in an included file
 */
export function quarantineBroken(merged: unknown, isOwned: (index: number) => boolean): Quarantine {
  const { gateway } = merged as { gateway?: { routes?: unknown[] } };
  const slots = (gateway?.routes ?? []).map((route, at): Slot => ({ route, isOwned: isOwned(at) }));
  const quarantined: QuarantinedRoute[] = [];
  for (let round = 0; round < limits.include.quarantineRoundsMax; round++) {
    const { document, problems } = checkDocument({
      ...(merged as object),
      ...(gateway !== undefined && { gateway: { ...gateway, routes: slots.map(({ route }) => route) } }),
    });
    if (document !== undefined) return { document, quarantined };
    const broken = brokenRoutes(problems);
    if (broken === undefined || [...broken.keys()].some((at) => slots[at]?.isOwned !== true)) return { quarantined };
    for (const [at, errors] of [...broken].sort(([a], [b]) => b - a)) {
      const slot = slots[at] as Slot;
      const found = describeBroken(slot.route, errors);
      if (!slot.isQuarantined) quarantined.push(found);
      const stand = slot.isQuarantined || !found.answered ? undefined : standIn(slot.route, found.reason);
      slots.splice(at, 1, ...(stand === undefined ? [] : [{ route: stand, isOwned: true, isQuarantined: true }]));
    }
  }
  return { quarantined };
}

interface Slot {
  readonly route: unknown;
  readonly isOwned: boolean;
  readonly isQuarantined?: boolean;
}

/** Errors by the index of their route; undefined when one is of no route. */
function brokenRoutes(problems: readonly DocumentProblem[]): Map<number, DocumentProblem[]> | undefined {
  const broken = new Map<number, DocumentProblem[]>();
  for (const problem of problems.filter(({ severity }) => severity === "error")) {
    const [gateway, routes, index] = problem.path;
    if (gateway !== "gateway" || routes !== "routes" || typeof index !== "number") return undefined;
    broken.set(index, [...(broken.get(index) ?? []), problem]);
  }
  return broken;
}

function describeBroken(route: unknown, errors: readonly DocumentProblem[]): QuarantinedRoute {
  const { name, owner } = route as { name?: unknown; owner?: unknown };
  const [first] = errors;
  const isAboutMatch = ({ path }: DocumentProblem): boolean =>
    path.length === 3 || ["name", "owner", "match"].includes(String(path[3]));
  // Its own key missing (`to`) is about the route as a whole, but leaves what it matches as it is.
  const answered = !errors.some((one) => isAboutMatch(one) && one.code !== "SLV2005");
  return {
    owner: String(owner),
    ...(typeof name === "string" && { name }),
    reason: `${first?.code}: ${first?.message}`.replaceAll(/[\r\n]+/g, " ").slice(0, 512),
    answered,
  };
}

function standIn(route: unknown, reason: string): unknown {
  const { name, owner, match } = route as Record<string, unknown>;
  return { name, owner, match, quarantine: reason };
}
