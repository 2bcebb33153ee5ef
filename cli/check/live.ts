/** What is wrong in what runs, as the control plane tells it. Judges answers, asks nobody. */
import { type ProblemCode, problemCodes } from "../../shared/config/problem.ts";
import { parseDurationMs } from "../../shared/config/units.ts";
import { limits } from "../../shared/limits.ts";
import { certificateAge } from "../../shared/policy/certificate-age.ts";
import type { AgentStatus, Drift, Status } from "../../shared/wire/admin.ts";
import { CLOCK_FIX, judgeClock } from "../clock.ts";
import { ago } from "../output.ts";
import type { Finding } from "./finding.ts";
import type { SecretPlaces } from "./secret-places.ts";

export interface LiveFacts {
  readonly status: Status;
  readonly drift: readonly Drift[];
  /** How long certificates of workloads live, in milliseconds. */
  readonly lifetimeMs: number;
  /** Where the live document uses its secrets. */
  readonly secrets: SecretPlaces;
  /** By the own clock, milliseconds since the epoch: when the status was asked for, and when it was there. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

export interface LiveGroup {
  readonly title: string;
  /** What is well, one sentence each. */
  readonly well: readonly string[];
  readonly findings: readonly Finding[];
}

/** @param document that is live, of any form: where it does not say it, certificates live as long as by default */
export function lifetimeIn(document: unknown): number {
  const { mesh } = (document ?? {}) as { mesh?: { certificates?: { lifetime?: unknown } } };
  const lifetime = mesh?.certificates?.lifetime;
  return (typeof lifetime === "string" && parseDurationMs(lifetime)) || limits.certificate.leafLifetimeMs;
}

export function judgeLive(facts: LiveFacts): LiveGroup[] {
  const { status, drift } = facts;
  return [
    group("control plane", [...clockOf(facts), ...alarmsOf(status)], versionText(status)),
    group("gateways", [...gatewaysOf(status), ...secretsOf(facts, "gateways")], gatewaysText(status)),
    group(
      "mesh",
      [...agentsOf(status), ...certificatesOf(facts), ...secretsOf(facts, "agents")],
      agentsText(status.agents),
    ),
    group("contracts", driftOf(drift), drift.length === 0 ? "none was broken lately" : undefined),
  ];
}

function group(title: string, findings: readonly Finding[], well: string | undefined): LiveGroup {
  return { title, findings, well: well === undefined ? [] : [well] };
}

function found(code: ProblemCode, severity: "error" | "warning", place: string, message: string, fix: string): Finding {
  return { code, severity, message, meaning: problemCodes[code], place, fix };
}

const count = (many: number, one: string, more: string): string => `${many} ${many === 1 ? one : more}`;

function versionText({ version, hash }: Status): string {
  return version === 0 ? "nothing is live yet" : `version ${version} is live (${hash.slice(0, 12)})`;
}

function gatewaysText({ gateways }: Status): string {
  if (gateways.length === 0) return "none holds a lease: none has served a request in the last seconds";
  return count(gateways.length, "gateway holds a lease", "gateways hold leases");
}

function agentsText(agents: readonly AgentStatus[]): string {
  const connected = agents.filter(({ state }) => state !== "offline").length;
  const offline = agents.length - connected;
  const gone = offline === 0 ? "" : `, ${offline} offline`;
  return `${count(connected, "agent is connected", "agents are connected")}${gone}`;
}

function clockOf({ status: { nowMs }, askedAtMs, answeredAtMs }: LiveFacts): Finding[] {
  if (nowMs === undefined) return [];
  const { verdict, text } = judgeClock(nowMs, askedAtMs, answeredAtMs);
  if (verdict === "ok") return [];
  return [found("SLV3254", verdict === "fail" ? "error" : "warning", "clock", text, CLOCK_FIX)];
}

function alarmsOf({ alarms = [], verdicts = [] }: Status): Finding[] {
  const failing = verdicts.map(({ service, instance, failing: many, callers }) => {
    const text = `${many} of ${count(callers, "caller sees", "callers see")} ${instance} of ${service} failing`;
    return found("SLV3252", "warning", `agents.${service}/${instance}`, text, "selvage status");
  });
  return [...alarms.flatMap((alarm) => (alarm.code === "secret_missing" ? [] : [alarmOf(alarm)])), ...failing];
}

const alarmOf = ({ code, text }: NonNullable<Status["alarms"]>[number]): Finding =>
  found("SLV3252", "warning", `alarms.${code}`, text, "selvage status");

/** Whatever needs the secret is answered 500, or not exported. */
function secretsOf({ status: { alarms = [] }, secrets }: LiveFacts, of: "gateways" | "agents"): Finding[] {
  return alarms.flatMap((alarm) => {
    if (alarm.code !== "secret_missing") return [];
    const { secret, gateways, services } = alarm;
    if (of === "gateways" ? gateways === 0 : services.length === 0) return [];
    const who = of === "gateways" ? "the gateway" : `agents of ${services.join(", ")}`;
    const { place, usedAt } = secrets.get(secret) ?? { place: `secrets.${secret}`, usedAt: undefined };
    const used = usedAt === undefined ? "" : `, used at ${usedAt}`;
    const fix =
      of === "gateways"
        ? `npx wrangler secret put SECRET_${secret}; a local system: selvage secret set ${secret}, and start it anew`
        : `SECRET_${secret} in the environment of these agents`;
    const text = `secret ${secret} is missing at ${who}${used}`;
    return [found("SLV3260", "error", place, text, fix)];
  });
}

function gatewaysOf({ gateways, version }: Status): Finding[] {
  return gateways.flatMap(({ isolate, state, version: own, reason }) =>
    behind(`gateways.${isolate}`, `gateway ${isolate}`, state, own, version, reason),
  );
}

function agentsOf({ agents, version }: Status): Finding[] {
  return agents.flatMap(({ service, instance, state, version: own, reason }) =>
    behind(`agents.${service}/${instance}`, `agent ${service}/${instance}`, state, own, version, reason),
  );
}

function behind(
  place: string,
  who: string,
  state: AgentStatus["state"],
  own: number,
  live: number,
  reason = "it does not say why",
): Finding[] {
  if (state === "refused")
    return [
      found(
        "SLV3251",
        "error",
        place,
        `${who} refuses version ${live}: ${reason}`,
        "selvage rollback, or a new version",
      ),
    ];
  if (state !== "behind") return [];
  const text = `${who} serves version ${own}, not ${live}`;
  return [found("SLV3251", "warning", place, text, "selvage check --live --wait 30s, then its log")];
}

function certificatesOf({ status: { agents }, lifetimeMs, answeredAtMs }: LiveFacts): Finding[] {
  const { renewAtShare } = limits.certificate;
  return agents.flatMap(({ service, instance, state, certificateNotAfterMs }) => {
    const age = certificateAge(certificateNotAfterMs, lifetimeMs, renewAtShare, answeredAtMs);
    if (state === "offline" || age === "fresh" || age === "due") return [];
    const [who, place] = [`agent ${service}/${instance}`, `agents.${service}/${instance}`];
    const text =
      age === "ended"
        ? `${who}: its certificate has ended`
        : `${who}: its certificate ends in ${ago(certificateNotAfterMs - answeredAtMs)}, and should have been renewed`;
    return [found("SLV3250", age === "ended" ? "error" : "warning", place, text, "selvage renew, then its log")];
  });
}

/** One for each route: what was found last, and how often all of it was. */
function driftOf(drift: readonly Drift[]): Finding[] {
  const routes = [...new Set(drift.map(({ route }) => route))];
  return routes.flatMap((route) => {
    const rows = drift.filter((row) => row.route === route).sort((one, other) => other.lastAtMs - one.lastAtMs);
    const [last] = rows;
    if (last === undefined) return [];
    const often = rows.reduce((sum, { requests }) => sum + requests, 0);
    const times = count(often, "request broke", "requests broke");
    const text = `${times} the contract of route ${route}, last in the ${last.side} at ${last.place} (${last.keyword})`;
    return [found("SLV3253", "warning", `routes.${route}`, text, `selvage drift --route ${route}`)];
  });
}
