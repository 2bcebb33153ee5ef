/** What edits would make of a request, and what the gateway would answer itself. */
import { parseAnswerExpression, parseKeyExpression } from "../auth/condition.ts";
import type { Path } from "../config/problem.ts";
import { SelvageError } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseJsonPath } from "../policy/json-path.ts";
import type { AnswerCondition, AnswerReshape, JsonEdits } from "../policy/reshape.ts";
import type { RequestFacts } from "../policy/reshape-scope.ts";
import { type Reshaped, Reshaper } from "../policy/reshaper.ts";
import { parseRegex } from "../policy/safe-regex.ts";
import { streamEdits } from "../policy/stream-edits/can-stream.ts";
import { redirectLocation } from "../route/redirect-location.ts";
import { editable, type Fields } from "./explain-fields.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { describeTranslation } from "./explain-translation.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";
import { routeEdits } from "./route-edits.ts";

/** Ids of a request that nobody has sent. */
export const NO_IDS = { spanId: "0".repeat(16), traceId: "0".repeat(32) } as const;

const reference = (name: string): string => `\${secret:${name}}`;

/** @param plan one whose expressions were checked */
export function reshaperFor(plan: Pick<GatewayPlan, "errorPages" | "routes">): Reshaper {
  const { ofRequest = [], ofAnswer = [], regexes = [], paths = [] } = routeEdits(plan) ?? {};
  return new Reshaper({
    ofRequest: parsed(ofRequest, parseKeyExpression),
    ofAnswer: parsed(ofAnswer, parseAnswerExpression),
    regexes: parsed(regexes, parseRegex),
    paths: parsed(paths, parseJsonPath),
  });
}

function parsed<Engine>(texts: readonly string[], parse: (text: string) => Engine | string): Map<string, Engine> {
  return new Map(
    texts.flatMap((text): [string, Engine][] => {
      const engine = parse(text);
      return typeof engine === "string" ? [] : [[text, engine]];
    }),
  );
}

export interface ReshapedRequest {
  readonly steps: readonly ExplainStep[];
  readonly reshaped?: Reshaped;
}

/** @param headers as they would go on, names in lower case; changed */
export function explainRequestEdits(
  { reshape }: RoutePlan,
  at: Path,
  reshaper: Reshaper,
  facts: RequestFacts,
  headers: Fields,
): ReshapedRequest {
  const path = [...at, "transform", "request"];
  if (reshape?.request === undefined) return { steps: [] };
  const before = new Map(headers);
  try {
    const reshaped = reshaper.request(reshape.request, editable(headers), facts, reference);
    const said = [
      ...[...headers].filter(([name, value]) => before.get(name) !== value).map(([name, value]) => `${name}: ${value}`),
      ...[...before.keys()].filter((name) => !headers.has(name)).map((name) => `without ${name}`),
      ...describeContent(reshape.request),
      ...(reshaped.method === undefined ? [] : [`method ${reshaped.method}`]),
      ...(reshaped.query === undefined ? [] : [`query ${reshaped.query(facts.query) || "(none)"}`]),
    ];
    const text = said.length === 0 ? "nothing of this request is changed" : said.join("; ");
    return { steps: [step("request edits", "pass", text, path)], reshaped };
  } catch (cause) {
    if (!(cause instanceof SelvageError)) throw cause;
    return { steps: [step("request edits", "deny", cause.reason, path, cause.code)] };
  }
}

/** The answer is not known here: what would be done to it is said. */
export function explainAnswerEdits({ reshape }: RoutePlan, at: Path): ExplainStep[] {
  return (reshape?.answers ?? []).map((edits) =>
    step("response edits", "note", `${describeWhen(edits.when)}${describeEdits(edits)}`, [
      ...at,
      "transform",
      "response",
    ]),
  );
}

function describeWhen(when: AnswerCondition | undefined): string {
  if (when === undefined) return "";
  return "cel" in when ? `where ${when.cel}: ` : `on ${when.join(", ")}: `;
}

function describeEdits({ fields = {}, statuses = {}, ...content }: AnswerReshape): string {
  const names = Object.entries(fields).map(
    ([edit, named]) => `${edit} ${(Array.isArray(named) ? named : Object.keys(named)).join(", ")}`,
  );
  const mapped = Object.entries(statuses).map(([from, to]) => `${from} becomes ${to}`);
  return [...names, ...mapped, ...describeContent(content)].join("; ");
}

/** In the order in which it is done. */
function describeContent({ body, json }: Pick<AnswerReshape, "body" | "json">): string[] {
  const edits = json === undefined ? [] : [describeJson(json)];
  if (body === undefined) return edits;
  return body.to === "json" ? [describeTranslation(body), ...edits] : [...edits, describeTranslation(body)];
}

function describeJson({ others, streams, ...edits }: JsonEdits): string {
  const said = Object.entries(edits).map(([edit, places]) => {
    if (edit === "template") return "template";
    if (typeof places === "string") return `${edit} ${places}`;
    return `${edit} ${(Array.isArray(places) ? places : Object.keys(places as object)).join(", ")}`;
  });
  const { streamedFromBytes, bodyBytesMax } = limits.reshape;
  const why = streamEdits(edits);
  const held = `held, at most ${bodyBytesMax} bytes${typeof why === "string" ? `: ${why}` : ""}`;
  const way = streams === true ? `streams, from ${streamedFromBytes} bytes on` : held;
  return `JSON body: ${said.join(", ")}${others === "refuse" ? "; others are refused" : ""} (${way})`;
}

/** @returns undefined: the route leads to upstreams */
export function explainOwnAnswer(
  { target }: RoutePlan,
  at: Path,
  reshaper: Reshaper,
  facts: RequestFacts & { readonly authority: string },
): { readonly step: ExplainStep; readonly status: number } | undefined {
  if (target.kind === "redirect") {
    const { status } = target.to;
    const text = `${status} to ${redirectLocation(target.to, facts)}`;
    return { step: step("redirect", "pass", text, [...at, "redirect"]), status };
  }
  if (target.kind !== "respond") return undefined;
  const { status, fields, text } = reshaper.answer(target.answer, facts, reference);
  const said = [
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...(text === null ? [] : [`${text.length} characters`]),
  ];
  return { step: step("respond", "pass", [`${status}`, ...said].join("; "), [...at, "respond"]), status };
}
