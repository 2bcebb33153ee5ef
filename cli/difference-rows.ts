import type { Differences } from "../shared/plan/explain-differences.ts";
import type { ExplainStep } from "../shared/plan/explain-step.ts";

/** What differs between two versions for one request, a row each: `-` by the older, `+` by the newer. */
export function differenceRows({ route, steps, result }: Differences): string[][] {
  const sides = (name: string, { before, after }: { before: string | undefined; after: string | undefined }) => [
    ["-", name, "", before ?? "none"],
    ["+", name, "", after ?? "none"],
  ];
  return [
    ...(route === undefined ? [] : sides("route", route)),
    ...steps.map(({ of, step }) => [of === "before" ? "-" : "+", stageOf(step), step.verdict, step.text]),
    ...(result === undefined ? [] : sides("result", result)),
  ];
}

/** The stage with the part or variant that it is about. */
export const stageOf = ({ stage, part, variant }: ExplainStep): string =>
  [variant, part, stage].filter((one) => one !== undefined).join(" ");
