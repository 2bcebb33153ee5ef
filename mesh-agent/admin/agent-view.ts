/** What the admin listener tells of an agent. */
import { outageBudgetMs, viewAgeMs } from "../../shared/policy/outage-budget.ts";
import type { ControlSession } from "../control/control-session.ts";
import type { KnownView } from "../control/known-view.ts";
import type { Versions } from "../control/versions.ts";
import type { Clusters } from "../discovery/clusters.ts";
import type { FoundEndpoints } from "../discovery/found-endpoints.ts";
import type { Certificates } from "../front/certificates.ts";
import type { Log } from "../telemetry/log.ts";
import type { Gauge, Metrics } from "../telemetry/metrics.ts";
import { certificateFacts } from "../tls/identity.ts";
import type { AdminView } from "./admin-server.ts";
import { expiryFamily } from "./expiry-family.ts";
import { sourceGauges } from "./source-gauges.ts";

export interface AgentParts {
  readonly session: ControlSession;
  readonly view: KnownView;
  readonly clusters: Clusters;
  readonly found: FoundEndpoints;
  readonly metrics: Metrics;
  readonly versions: Versions;
  readonly log: Log;
  readonly unready: () => string | undefined;
  /** Of the listener to the outside. */
  readonly exposed: Pick<Certificates, "notAfterMs"> | undefined;
  /** Where TCP services are called: service to address. */
  readonly tcp: () => Readonly<Record<string, string>>;
}

export function agentView(parts: AgentParts): AdminView {
  return {
    unready: parts.unready,
    metrics: () => [
      ...parts.metrics.families(gauges(parts)),
      ...expiryFamily("selvage_exposed_certificate_expiry_timestamp_seconds", parts.exposed),
    ],
    config: () => config(parts),
  };
}

function gauges({ session, view, clusters, found, versions, log }: AgentParts): Gauge[] {
  const { notAfterMs } = certificateFacts(session.identity.certificates);
  const single: Gauge[] = [
    {
      name: "selvage_certificate_expiry_timestamp_seconds",
      help: "When the certificate in use ends.",
      value: notAfterMs / 1000,
    },
    {
      name: "selvage_control_connected",
      help: "1 while the control plane is connected.",
      value: session.connected ? 1 : 0,
    },
    { name: "selvage_plan_version", help: "Version of the plan in use.", value: view.plan?.version ?? 0 },
    {
      name: "selvage_canary_version",
      help: "Version that is held beside the plan in use, 0 for none.",
      value: view.second.plan?.version ?? 0,
    },
    {
      name: "selvage_unknown_version_total",
      help: "Requests that were decided by a version that is not held here.",
      value: versions.unknown,
    },
    { name: "selvage_log_lines_dropped_total", help: "Log lines that nobody read in time.", value: log.dropped },
  ];
  single.push({
    name: "selvage_outage_budget_seconds",
    help: "How long the agent goes on should the control plane be away from now on.",
    value: outageBudgetMs(session.standing, Date.now()) / 1000,
  });
  const ages = Object.entries(viewAges(session, view)).map(([part, ageMs]) => ({
    name: "selvage_view_age_seconds",
    help: "For how long the control plane has not said that a part of the view still holds.",
    labels: { part },
    value: ageMs / 1000,
  }));
  const each = [...clusters];
  const nowMs = performance.now();
  const endpoints = each.map(({ service, endpoints: { length } }) => ({
    name: "selvage_endpoints",
    help: "Known endpoints of a service.",
    labels: { service },
    value: length,
  }));
  const ejected = each.map(({ service, health }) => ({
    name: "selvage_endpoints_ejected",
    help: "Endpoints of a service that are out for their failures, also while they wait for their probe.",
    labels: { service },
    value: health.ejected,
  }));
  const advised = each.flatMap(({ service, advisedAgainst: { size } }) =>
    size === 0
      ? []
      : {
          name: "selvage_endpoints_advised",
          help: "Endpoints of a service that get less since most callers see them failing.",
          labels: { service },
          value: size,
        },
  );
  const breakers = each.flatMap(({ service, endpoints: list }) =>
    list.map(({ endpoint, breaker }) => ({
      name: "selvage_breaker_open",
      help: "1 while an endpoint is ejected.",
      labels: { service, endpoint: endpoint.instance },
      value: breaker.ejectedUntilMs > nowMs ? 1 : 0,
    })),
  );
  const zones = each.flatMap(({ service, settings, zoneRequests }) =>
    settings.balance.zones === undefined
      ? []
      : (["own", "other"] as const).map((zone) => ({
          name: "selvage_zone_attempts_total",
          help: "Attempts within the caller's own zone, and to others, of services that are balanced by zone.",
          labels: { service, zone },
          value: zoneRequests[zone],
        })),
  );
  return [
    ...single,
    ...ages,
    ...endpoints,
    ...ejected,
    ...advised,
    ...breakers,
    ...zones,
    ...sourceGauges(found.statuses(Date.now())),
  ];
}

const PARTS = ["plan", "trust", "endpoints"] as const;

/** In milliseconds; parts that nobody has told yet have none. */
function viewAges(session: ControlSession, view: KnownView): Record<string, number> {
  const { connected, lostMs } = session;
  const ages = PARTS.map((part) => [part, viewAgeMs({ connected, lostMs, toldMs: view.toldMs(part) }, Date.now())]);
  return Object.fromEntries(ages.filter(([, ageMs]) => ageMs !== undefined));
}

/** How long the agent goes on without the control plane, and how old what it goes by may be. */
function outage(session: ControlSession, view: KnownView): object {
  const { standing } = session;
  return {
    budgetMs: outageBudgetMs(standing, Date.now()),
    limitedBy: standing.by,
    until: new Date(standing.atMs).toISOString(),
    agesMs: viewAges(session, view),
  };
}

function config({ session, view, found, tcp }: AgentParts): object {
  const { service, trustDomain, instance, controlUrl, certificates } = session.identity;
  const { spiffeId, notBeforeMs, notAfterMs, serialNumber, fingerprint } = certificateFacts(certificates);
  return {
    service,
    trustDomain,
    instance,
    control: { url: controlUrl, connected: session.connected },
    outage: outage(session, view),
    certificate: {
      spiffeId,
      serialNumber,
      fingerprint,
      notBefore: new Date(notBeforeMs).toISOString(),
      notAfter: new Date(notAfterMs).toISOString(),
    },
    plan: view.plan,
    ...(view.second.plan !== undefined && { canary: view.second.plan }),
    endpoints: view.endpoints,
    discovery: found.statuses(Date.now()),
    tcp: tcp(),
    revocations: { revision: view.revocations.revision, entries: view.revocations.list.entries.length },
    txnKeys: view.trust?.txnKeys.map(({ kid }) => kid) ?? [],
  };
}
