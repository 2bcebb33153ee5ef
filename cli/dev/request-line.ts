/** One line for a person about one request that the gateway answered. */
import { printable } from "../../shared/config/code-frame.ts";
import { Cursor } from "../../shared/config/cursor.ts";
import type { PositionMap } from "../../shared/config/load.ts";
import type { Path } from "../../shared/config/problem.ts";
import type { Document } from "../../shared/config/schema.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import { type AccessLogEntry, policyName } from "../../shared/http/access-log.ts";
import { explain } from "../../shared/plan/explain.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { style } from "../output.ts";
import { fileName } from "../read-document.ts";

/** What is live, as far as lines are told by it. */
export interface LiveDocument {
  readonly document: Document;
  readonly plan: Plan;
  readonly positions: PositionMap;
  /** As a person would write it. */
  readonly file: string;
}

/** @param stub the operation whose example was the upstream's answer */
export function requestLine(entry: AccessLogEntry, live: LiveDocument | undefined, stub?: string): string {
  const {
    method,
    path,
    status,
    durationMs,
    route,
    sub,
    clientIp,
    cache,
    error,
    reason,
    variant,
    wouldRefuse = [],
  } = entry;
  const look = status >= 500 ? "bad" : status >= 400 ? "warn" : "ok";
  const place = error === undefined || live === undefined ? undefined : placeOfError(entry, error, live);
  const denied = error === undefined ? [] : [`${error}${place === undefined ? "" : ` (${place})`}`, reason ?? ""];
  const rest = [
    (route ?? "-").padEnd(12),
    (sub === undefined || sub === "anonymous" ? (clientIp ?? "-") : sub).padEnd(14),
    ...(stub === undefined ? [] : [`stub:${stub}`]),
    ...(cache === undefined ? [] : [`cache:${cache}`]),
    ...(variant === undefined ? [] : [`variant:${variant}`]),
    ...denied,
    ...wouldRefuse.map((one) => `${policyName(one)}:would-deny (${one.error})`),
  ].filter((part) => part !== "");
  const shown = [method.padEnd(6), path.padEnd(24)].map(printable).join(" ");
  const took = `${Math.round(durationMs)}ms`.padStart(6);
  return `${timeOf(new Date(entry.time))} ${shown} ${style(look, String(status))} ${took}  ${printable(rest.join("  "))}`.trimEnd();
}

/** `12:01:04`, where the reader is. */
export function timeOf(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Settings of a route that refuse with a code, where the dry run does not come to it: it knows no counts and no content. */
const SETTINGS: readonly (readonly [codes: RegExp, settings: readonly string[]])[] = [
  [/^(credentials|scope|cross_site|not_permitted|(key|issuer|proof|session)s?_unavailable)/, ["auth"]],
  [/^(limit|plan_missing)/, ["rateLimit"]],
  [/^(operation|request_invalid|answer_invalid|media_type|content|contract|body_too)/, ["validate"]],
  [/^(idempotency|request_outstanding|answer_not_kept|outcome)/, ["idempotency"]],
  [/^code_/, ["handler", "policies"]],
  [/^(upstream|gateway_unreachable|deadline|binding|no_healthy|breaker|app_|unknown_service)/, ["to", "aggregate"]],
];

function placeOfError(entry: AccessLogEntry, code: ErrorCode, { document, plan, positions, file }: LiveDocument) {
  const at = decidingPath(entry, code, plan) ?? settingPath(entry, code, document);
  if (at === undefined) return undefined;
  const { line, file: included } = positions.find(at, "key");
  return `${fileName(file, included)}:${line}`;
}

function decidingPath(entry: AccessLogEntry, code: ErrorCode, plan: Plan): Path | undefined {
  const { method, host, path, sub, clientIp } = entry;
  const credential = sub === undefined ? { kind: "none" as const } : { kind: "assumed" as const, sub, scopes: [] };
  const request = {
    method,
    host,
    path,
    query: "",
    headers: [],
    credential,
    ...(clientIp !== undefined && { clientIp }),
  };
  const { steps } = explain(plan, request, Date.parse(entry.time));
  return steps.find((step) => step.verdict === "deny" && step.code === code)?.path;
}

function settingPath({ route }: AccessLogEntry, code: ErrorCode, document: Document): Path | undefined {
  const routes = new Cursor(document).get("gateway", "routes").items;
  const found = routes.find((one) => one.get("name").value === route);
  if (route === undefined || found === undefined) return undefined;
  const settings = SETTINGS.find(([codes]) => codes.test(code))?.[1] ?? [];
  return (settings.map((setting) => found.get(setting)).find(({ exists }) => exists) ?? found).path;
}
