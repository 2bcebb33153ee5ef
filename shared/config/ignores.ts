/** Findings that somebody looked at and lets stand. */
import { Cursor } from "./cursor.ts";
import { liesAt } from "./place-name.ts";
import { type DocumentProblem, type ProblemCode, warning } from "./problem.ts";

export interface Ignore {
  readonly code: string;
  /** A place (`placeName`) and all below; absent: everywhere. */
  readonly at?: string;
  readonly reason?: string;
  /** Where the document says so; absent: it was said beside it. */
  readonly place?: Cursor;
}

export interface Ignored<Found> {
  readonly problem: Found;
  readonly ignore: Ignore;
}

export interface Sorted<Found> {
  readonly kept: readonly Found[];
  readonly ignored: readonly Ignored<Found>[];
  /** Ignores that nothing was ignored by. */
  readonly unused: readonly Ignore[];
}

/** The ignores of a document. @param document of any form */
export function ignoresIn(document: unknown): Ignore[] {
  return new Cursor(document).get("check", "ignore").items.flatMap((place) => {
    const [code, at, reason] = [place.get("code").text, place.get("at").text, place.get("reason").text];
    if (code === undefined) return [];
    return [{ code, place, ...(at !== undefined && { at }), ...(reason !== undefined && { reason }) }];
  });
}

/** `SLV3012@routes.orders`, or `SLV3012`. @returns undefined: it is of neither form */
export function parseIgnore(text: string): Ignore | undefined {
  const match = /^(slv\d{4})(?:@(.+))?$/i.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { code: match[1].toUpperCase(), ...(match[2] !== undefined && { at: match[2] }) };
}

/**
 * Takes out what is ignored; the first ignore that fits counts. Errors stay.
 * @param placeOf where something was found, as `placeName` says it
 */
export function withoutIgnored<Found extends Pick<DocumentProblem, "code" | "severity">>(
  problems: readonly Found[],
  ignores: readonly Ignore[],
  placeOf: (problem: Found) => string,
): Sorted<Found> {
  const kept: Found[] = [];
  const ignored: Ignored<Found>[] = [];
  const used = new Set<Ignore>();
  for (const problem of problems) {
    const fits = problem.severity === "error" ? [] : ignores.filter((one) => isMeant(problem, one, placeOf));
    const [ignore] = fits;
    if (ignore === undefined) kept.push(problem);
    else ignored.push({ problem, ignore });
    for (const one of fits) used.add(one);
  }
  return { kept, ignored, unused: ignores.filter((one) => !used.has(one)) };
}

function isMeant<Found extends Pick<DocumentProblem, "code">>(
  problem: Found,
  { code, at }: Ignore,
  placeOf: (problem: Found) => string,
): boolean {
  return code === problem.code && (at === undefined || liesAt(placeOf(problem), at));
}

/** Whether they are there depends on the machine, or on what runs: that one is not there says nothing. */
const ELSEWHERE = new Set<string>([
  ...(["SLV3159", "SLV4001", "SLV4002"] satisfies ProblemCode[]),
  ...(["SLV3250", "SLV3251", "SLV3252", "SLV3253", "SLV3254", "SLV3260"] satisfies ProblemCode[]),
]);

/** An ignore that hits nothing would hide the next mistake of its kind. */
export function unusedIgnores(unused: readonly Ignore[]): DocumentProblem[] {
  return unused
    .filter(({ code }) => !ELSEWHERE.has(code))
    .map(({ code, at, place }) => {
      const text = `nothing is ignored by ${code}${at === undefined ? "" : ` at ${at}`}: the finding is not there, so leave it out`;
      return warning("SLV3241", place?.path ?? [], text);
    });
}
