/** `aggregate` and `answer` of a route as the plan carries them. */
import { Cursor } from "../config/cursor.ts";
import { parseHeaderText, parseJsonTemplate } from "../config/json-template.ts";
import { callsOf, dependenciesOf } from "../config/part-call.ts";
import type { AggregateConfig, AnswerConfig, PartConfig } from "../config/schema-aggregate.ts";
import { parseTemplate } from "../config/template.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type {
  AggregatePart,
  AggregateTarget,
  AnswerSettings,
  FanOut,
  JsonTemplate,
  PartHeader,
  ValuePath,
} from "../policy/aggregate-settings.ts";
import type { TrafficMatch } from "../policy/settings.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import { compilePartCache } from "./compile-cache.ts";
import { compileRetries } from "./compile-retries.ts";
import { compileTranscode } from "./compile-transcode.ts";
import { acceptedForPart, compileEncoding } from "./compile-translation.ts";
import { sorted } from "./sorted.ts";
import { namedTarget, type UpstreamNames } from "./target-of.ts";

/** What parts have from the document. */
export interface PartDefaults {
  readonly upstreams?: UpstreamNames;
  readonly artifacts?: ArtifactTable | undefined;
}

/** Rules by which the calls of a service are split. */
export type TrafficOf = (service: string) => readonly TrafficMatch[];

/** Parts in the order of the document, which is the order of the answer's members. */
export function compileAggregate(
  parts: AggregateConfig,
  answer: AnswerConfig | undefined,
  { upstreams, artifacts }: PartDefaults,
  trafficOf: TrafficOf,
): AggregateTarget {
  const names = Object.keys(parts);
  const top = new Cursor(parts);
  const settings = answer === undefined ? undefined : compileAnswer(answer);
  const output = answer?.output === undefined ? undefined : parseJsonTemplate(new Cursor(answer.output), true);
  const bodyIsNamed = output?.holes.some(({ names: [root] }) => root === "body") === true && !names.includes("body");
  const readsBody = bodyIsNamed || names.some((name) => dependenciesOf(top.get(name), names).readsBody);
  return {
    kind: "aggregate",
    parts: Object.entries(parts).map(([name, part]) =>
      compilePart(name, part, top.get(name), names, { upstreams, artifacts }, trafficOf),
    ),
    ...(settings !== undefined && Object.keys(settings).length > 0 && { answer: settings }),
    ...(readsBody && { readsBody }),
  };
}

function compilePart(
  name: string,
  part: PartConfig,
  at: Cursor,
  names: readonly string[],
  { upstreams, artifacts = {} }: PartDefaults,
  trafficOf: TrafficOf,
): AggregatePart {
  const [call] = callsOf(at);
  if (call?.split === undefined) throw new Error(`part ${name}: not a target`);
  const { dependsOn, after } = dependenciesOf(at, names);
  const fields = fieldsOf(part);
  const headers = compileHeaders(fields ?? {});
  const rules = "service" in call.split.target ? trafficOf(call.split.target.service) : [];
  const ownFields = headers.map((header) => header.name);
  const cache = compilePartCache(part.cache, rules, ownFields);
  return {
    name,
    method: call.method,
    target: namedTarget(call.split.target, upstreams),
    path: parseTemplate(call.split.path).parts,
    dependsOn,
    ...(after.length > 0 && { after }),
    ...(part.query !== undefined && {
      query: at.get("query").entries.map(([key, one]) => [key, templateOf(one)] as const),
    }),
    ...(fields !== undefined && { headers }),
    ...(part.body !== undefined && { body: templateOf(at.get("body")) }),
    ...(part.when !== undefined && { when: part.when }),
    ...(part.expect !== undefined && { expect: part.expect }),
    ...(part.forEach !== undefined && { forEach: compileFanOut(part.forEach) }),
    optional: part.optional === true || part.fallback !== undefined,
    timeoutMs: durationOf(part.timeout) ?? limits.gateway.partTimeoutMs,
    ...(part.retries !== undefined && { retries: compileRetries(part.retries, "http") }),
    ...(part.redirects !== undefined && part.redirects > 0 && { redirects: part.redirects }),
    ...(cache !== undefined && { cache }),
    ...compileEncoding(part.encoding),
    ...(part.transcode !== undefined && { transcode: compileTranscode(part.transcode, artifacts) }),
    ...(part.pick !== undefined && { pick: sorted(part.pick) }),
    ...(part.omit !== undefined && { omit: sorted(part.omit) }),
    ...(part.fallback !== undefined && { fallback: { value: part.fallback } }),
  };
}

const templateOf = (at: Cursor): JsonTemplate => parseJsonTemplate(at, false).template;

/** What is asked for stands at the part's own word, where it has one. */
function fieldsOf({ headers, encoding }: PartConfig): PartConfig["headers"] {
  const accept = acceptedForPart(encoding);
  const isNamed = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === "accept");
  return accept === undefined || isNamed ? headers : { ...headers, accept };
}

function compileHeaders(headers: Readonly<Record<string, string>>): PartHeader[] {
  return Object.entries(headers)
    .map(([name, text]): PartHeader => {
      const { value, omit } = parseHeaderText(text);
      return { name: name.toLowerCase(), value, ...(omit && { omit }) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function compileFanOut(forEach: NonNullable<PartConfig["forEach"]>): FanOut {
  const given = typeof forEach === "string" ? { in: forEach } : forEach;
  return {
    in: pathOf(given.in),
    max: given.max ?? limits.aggregate.fanOut,
    over: given.over ?? "fail",
    concurrency: given.concurrency ?? limits.aggregate.concurrency,
    ...(given.optional === true && { optional: true }),
  };
}

const pathOf = (hole: string): ValuePath => hole.slice(1, -1).split(".");

function compileAnswer({ output, status, headers, problems }: AnswerConfig): AnswerSettings {
  const map = Object.entries(status?.map ?? {});
  return {
    ...(output !== undefined && { output: parseJsonTemplate(new Cursor(output), true).template }),
    ...(status !== undefined && {
      status: {
        ...(status.from !== undefined && { from: status.from }),
        ...(map.length > 0 && { map: Object.fromEntries(map) }),
      },
    }),
    ...(headers !== undefined && { headers: compileFields(headers) }),
    ...(problems === true && { problems }),
  };
}

function compileFields(headers: Readonly<Record<string, readonly string[]>>): [string, string[]][] {
  const entries = Object.entries(headers).map(([part, names]): [string, string[]] => [
    part,
    sorted(names.map((name) => name.toLowerCase())),
  ]);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
