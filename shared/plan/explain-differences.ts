/** What becomes different for one request between two versions of the document. */
import type { ExplainStep, Explanation } from "./explain-step.ts";

export interface Differences {
  readonly steps: readonly { readonly of: "before" | "after"; readonly step: ExplainStep }[];
  /** Given when another route takes it; undefined within: none. */
  readonly route?: { readonly before: string | undefined; readonly after: string | undefined };
  readonly result?: { readonly before: string; readonly after: string };
}

/** Where in the document something stands makes no difference. */
export function differencesOf(before: Explanation, after: Explanation): Differences {
  const steps = [
    ...missingIn(before.steps, after.steps).map((step) => ({ of: "before", step }) as const),
    ...missingIn(after.steps, before.steps).map((step) => ({ of: "after", step }) as const),
  ];
  const routes = { before: before.route?.name, after: after.route?.name };
  const results = { before: resultText(before), after: resultText(after) };
  return {
    steps,
    ...(routes.before !== routes.after && { route: routes }),
    ...(results.before !== results.after && { result: results }),
  };
}

/** As it is shown. */
export function resultText({ result }: Explanation): string {
  return result.outcome === "refuse" ? `refused: ${result.text}` : result.text;
}

function missingIn(steps: readonly ExplainStep[], others: readonly ExplainStep[]): readonly ExplainStep[] {
  const known = new Set(others.map(textOf));
  return steps.filter((one) => !known.has(textOf(one)));
}

const textOf = ({ stage, part, variant, verdict, text }: ExplainStep): string =>
  JSON.stringify([stage, part, variant, verdict, text]);
