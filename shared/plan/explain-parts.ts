/** The calls of a composed answer one by one, and what becomes of a part whose source is lost, as far as that is known before any call. */
import type { Path } from "../config/problem.ts";
import { looseParametersOf } from "../http/query-parameters.ts";
import type { AggregatePart, AggregateTarget } from "../policy/aggregate-settings.ts";
import type { TranscodeSettings } from "../transcode/settings.ts";
import { explainPart } from "./explain-aggregate.ts";
import type { Forwarded } from "./explain-forwarded.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { explainTranscode } from "./explain-transcode.ts";

/** What stands for a part that is lost: its fallback is a value as any other. */
type Loss = "failed" | "skipped";

/** @param inside steps of what a part's target makes of its call */
export function explainParts(
  target: AggregateTarget,
  at: Path,
  request: Forwarded,
  inside: (part: AggregatePart, asked: Forwarded) => readonly ExplainStep[],
): ExplainStep[] {
  // As the gateway reads it: of several members of one name the last counts.
  const known = { ...request, query: Object.fromEntries(looseParametersOf(request.query)) };
  const lost = new Map<string, Loss>();
  const told = new Map<string, ExplainStep[]>();
  const tell = (part: AggregatePart): void => {
    const steps = lostSource(part, at, lost) ?? callSteps(target, part, at, known, request, inside);
    told.set(
      part.name,
      steps.map((one) => ({ ...one, part: part.name, optional: part.optional })),
    );
    if (steps[0]?.verdict === "skip") lost.set(part.name, "skipped");
    else if (steps.some(isDenial) && part.fallback === undefined) lost.set(part.name, "failed");
  };
  // Parts stand in any order; who waits is told of after all that it waits for.
  for (let before = -1; before !== told.size; ) {
    before = told.size;
    for (const part of target.parts)
      if (!told.has(part.name) && [...part.dependsOn, ...(part.after ?? [])].every((name) => told.has(name)))
        tell(part);
  }
  return target.parts.flatMap(({ name }) => told.get(name) ?? []);
}

const isDenial = ({ verdict }: ExplainStep): boolean => verdict === "deny";

/** Why a part is not called: what it needs a value of has none. */
function lostSource(part: AggregatePart, at: Path, lost: ReadonlyMap<string, Loss>): ExplainStep[] | undefined {
  const source = part.dependsOn.find((name) => lost.has(name));
  if (source === undefined) return undefined;
  const place = [...at, "aggregate", part.name];
  return lost.get(source) === "skipped"
    ? [step("call", "skip", `waits for ${source}, which is skipped`, place)]
    : [step("call", "deny", `waits for ${source}, which fails`, place, "aggregate_part_failed")];
}

function callSteps(
  target: AggregateTarget,
  part: AggregatePart,
  at: Path,
  known: Parameters<typeof explainPart>[3],
  request: Forwarded,
  inside: (part: AggregatePart, asked: Forwarded) => readonly ExplainStep[],
): ExplainStep[] {
  const { path, at: place, step: call } = explainPart(target, part, at, known);
  if (call.verdict !== "pass") return [call];
  const asked = { ...request, method: part.method, path };
  const made = part.transcode === undefined ? { steps: [], asked } : partCall(part.transcode, place, asked);
  if (made.steps.some(isDenial)) return [call, ...made.steps];
  return [call, ...made.steps, ...inside(part, made.asked).map(certain)];
}

/** A fault that nobody escapes loses the part. */
const certain = (one: ExplainStep): ExplainStep => (one.aborts?.percent === 100 ? { ...one, verdict: "deny" } : one);

/** A part that is a call by gRPC. @param asked where it says that it goes, as far as that is known before other parts */
function partCall(
  settings: TranscodeSettings,
  place: Path,
  asked: Forwarded,
): { readonly steps: readonly ExplainStep[]; readonly asked: Forwarded } {
  const [path = "", query] = asked.path.split("?", 2);
  const request = { method: asked.method, path, query: query === undefined ? "" : `?${query}` };
  const { steps, path: called } = explainTranscode(settings, place, request, asked.artifacts);
  const header = (name: string) => (name === "content-type" ? "application/grpc-web+proto" : asked.header(name));
  const made = { ...asked, method: "POST", path: called ?? path, header };
  const isKnown = !asked.path.includes("{") || !steps.some(isDenial);
  if (isKnown) return { steps, asked: made };
  const text = "becomes a call by gRPC; of which method other parts decide";
  return { steps: [step("transcode", "note", text, [...place, "transcode"])], asked: made };
}
