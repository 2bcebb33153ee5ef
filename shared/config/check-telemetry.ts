/** Checks of `telemetry` that a schema cannot state. */
import { HOP_BY_HOP } from "../http/header-names.ts";
import { checkParts } from "./check-introspection.ts";
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

/** What the exporter says itself, or the platform. */
const OWN_FIELDS: readonly string[] = ["content-type", "content-encoding", "content-length", "host", "user-agent"];
/** Names under which receivers want keys. */
const CREDENTIALS = /^(?:proxy-)?authorization$|api-?key|token|secret/;
/** Attributes that say which process it is: it knows them itself. */
const OWN_ATTRIBUTES: readonly string[] = ["service.name", "service.instance.id"];

export function checkTelemetry(top: Cursor): DocumentProblem[] {
  const given = top.get("telemetry");
  if (typeof given.value !== "object" || given.value === null) return [];
  return [
    ...checkUse(given),
    ...checkEndpoint(given.get("otlp", "endpoint")),
    ...checkFields(given.get("otlp", "headers")),
    ...checkAttributes(given.get("resource")),
  ];
}

const SIGNALS = ["traces", "metrics", "logs"] as const;

function checkUse(given: Cursor): DocumentProblem[] {
  const told = SIGNALS.map((signal) => given.get(signal)).filter(({ exists }) => exists);
  const first = told[0];
  if (first === undefined) return checkSilence(given);
  const problems: DocumentProblem[] = [];
  if (!given.get("otlp", "endpoint").exists) {
    const message = "the gateway has no receiver: agents alone find one in their environment";
    problems.push(warning("SLV3206", first.path, message, { at: "key", expected: "`telemetry.otlp.endpoint`" }));
  }
  const [traces, logs] = [given.get("traces"), given.get("logs")];
  if (isNone(traces) && !traces.get("slow").exists) {
    const message = "no span is ever kept: the share is 0%, and neither failures nor slow requests are";
    problems.push(warning("SLV3207", traces.get("sample").path, message));
  }
  if (isNone(logs)) {
    const message = "no request is ever told of: the share is 0%, and failures are not either";
    problems.push(warning("SLV3201", logs.get("sample").path, message));
  }
  return problems;
}

/** Nothing is sent. */
function checkSilence(given: Cursor): DocumentProblem[] {
  const [timing, otlp] = [given.get("serverTiming"), given.get("otlp")];
  const expected = "`traces: {}`, `metrics: {}` or `logs: {}`";
  const isOfUse = timing.value === true || given.get("records").exists;
  if (!isOfUse) {
    const message = "nothing is told: there is no `traces`, `metrics` or `logs` beside it";
    return [
      warning("SLV3205", given.path, message, { at: "key", expected: `${expected}, or no \`telemetry\` at all` }),
    ];
  }
  if (!otlp.exists) return [];
  const message = "the receiver gets nothing: there is no `traces`, `metrics` or `logs` beside it";
  return [warning("SLV3205", otlp.path, message, { at: "key", expected: `${expected} beside it, or no \`otlp\`` })];
}

/** Of a signal: the share is none, and so are failures. */
function isNone(signal: Cursor): boolean {
  return Number.parseFloat(signal.get("sample").text ?? "1") === 0 && signal.get("errors").text === "sampled";
}

function checkEndpoint(endpoint: Cursor): DocumentProblem[] {
  const { text } = endpoint;
  if (text === undefined || !URL.canParse(text)) return [];
  const problems = [...checkTransport(endpoint, "what is told and credentials are sent"), ...checkParts(endpoint)];
  const { pathname, search } = new URL(text);
  const signal = /\/v1\/(traces|metrics|logs)\/?$/.exec(pathname);
  if (signal !== null || search !== "")
    problems.push(
      error("SLV3208", endpoint.path, "the endpoint stands for all signals, whose paths are added to it", {
        expected: "a URL without the path of a signal, and without a query",
        suggestion: text.replace(/[?#].*$/, "").replace(/\/v1\/(traces|metrics|logs)\/?$/, ""),
      }),
    );
  return problems;
}

function checkFields(headers: Cursor): DocumentProblem[] {
  return headers.entries.flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (OWN_FIELDS.includes(lower) || HOP_BY_HOP.has(lower))
      return [error("SLV3209", value.path, `${name} is said by the exporter itself`, { at: "key" })];
    if (!CREDENTIALS.test(lower) || value.text === undefined || value.text.includes("${secret:")) return [];
    const message = `${name} is a credential, and every agent shows its plan to who may read its administration`;
    return [warning("SLV3211", value.path, message, { expected: "a reference such as ${secret:NAME}" })];
  });
}

function checkAttributes(resource: Cursor): DocumentProblem[] {
  return resource.entries.flatMap(([name, value]) => {
    if (!OWN_ATTRIBUTES.includes(name)) return [];
    const message = `${name} is said by the gateway and by each agent of itself`;
    return [error("SLV3210", value.path, message, { at: "key", expected: "an attribute that all of them have" })];
  });
}
