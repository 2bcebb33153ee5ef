/** Metrics of the whole fleet: what all gateways count together, and how things stand. */
import type { MetricFamily, Sample } from "../../../shared/http/metrics-text.ts";
import { acknowledgementOf } from "../../../shared/policy/acknowledgement.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import type { FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import { gatewayMetrics } from "../../../shared/policy/gateway-metrics.ts";
import { meshMetrics } from "../../../shared/policy/mesh-metrics.ts";
import { mergeExemplars } from "../../../shared/policy/route-exemplars.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { CaStatus } from "../../../shared/wire/ca.ts";
import type { Env } from "../env.ts";
import { type ConfigStatus, MAIN } from "../objects/rpc.ts";
import { hubsStatus } from "./hubs.ts";
import { usageTotals } from "./usage-shards.ts";

/** Of gateways, and of agents as the control plane sees them. */
export interface FleetMetrics {
  readonly gateways: readonly MetricFamily[];
  readonly fleet: readonly MetricFamily[];
  /** Of the live version: to whom they are sent. */
  readonly settings: TelemetrySettings | undefined;
}

/** @throws when an object does not answer: sums that fall would be taken for news */
export async function fleetMetrics(env: Env): Promise<FleetMetrics> {
  const [totals, live, { instances, verdicts }, authority] = await Promise.all([
    usageTotals(env),
    env.CONFIG.getByName(MAIN).status(),
    hubsStatus(env),
    env.AUTHORITY.getByName(MAIN).ca(),
  ]);
  return {
    gateways: gatewayMetrics(totals.series, mergeExemplars(totals.exemplars)),
    fleet: [
      ...meshMetrics(totals.series),
      ...gatewayGauges(live),
      ...agentGauges(instances, verdicts, live.version),
      authorityGauge(authority),
    ],
    settings: live.telemetry,
  };
}

function gatewayGauges({ version, leases }: ConfigStatus): MetricFamily[] {
  const states = leases.map((lease) => acknowledgementOf(version, lease.version, lease.refused).state);
  return [
    gauge("selvage_live_version", "Version of the document that should be live, 0 for none.", [
      { labels: {}, value: version },
    ]),
    gauge("selvage_gateway_isolates", "Isolates with a lease, by how they stand to the live version.", [
      ...tally(states, (state) => ({ state })),
    ]),
  ];
}

function agentGauges(
  instances: readonly Instance[],
  verdicts: ReadonlyMap<string, FleetVerdict>,
  live: number,
): MetricFamily[] {
  const states = instances.map(({ service, connected, planVersion, refused }) => {
    const state = connected ? acknowledgementOf(live, planVersion, refused).state : "offline";
    return `${service}\n${state}`;
  });
  const visible = instances.flatMap(({ service, visible: is }) => (is ? [service] : []));
  const failing = [...verdicts].flatMap(([service, { endpoints }]) =>
    endpoints.filter(({ advised }) => advised).map(() => service),
  );
  const ends = new Map<string, number>();
  for (const { service, connected, certificateNotAfterMs } of instances)
    if (connected)
      ends.set(service, Math.min(ends.get(service) ?? Number.POSITIVE_INFINITY, certificateNotAfterMs / 1000));
  return [
    gauge("selvage_agents", "Agents by service and how they stand to the live version, as they say.", [
      ...tally(states, (key) => {
        const [service = "", state = ""] = key.split("\n");
        return { service, state };
      }),
    ]),
    gauge("selvage_visible_endpoints", "Endpoints of a service that callers are given.", [
      ...tally(visible, (service) => ({ service })),
    ]),
    gauge("selvage_failing_endpoints", "Endpoints that callers are advised to use less since most see them failing.", [
      ...tally(failing, (service) => ({ service })),
    ]),
    gauge(
      "selvage_agent_certificate_expiry_timestamp_seconds",
      "When the first certificate of a service's agents ends.",
      [...[...ends].map(([service, value]) => ({ labels: { service }, value }))],
    ),
  ];
}

function authorityGauge({ roots, issuer, outside }: CaStatus): MetricFamily {
  const all = [
    ...roots.map((one) => ({ ...one, kind: "root" })),
    ...(outside?.roots ?? []).map((one) => ({ ...one, kind: "outside root" })),
    ...(issuer === undefined ? [] : [{ ...issuer, kind: "issuer" }]),
  ];
  return gauge(
    "selvage_ca_certificate_expiry_timestamp_seconds",
    "When a certificate of the authority ends, or a root that agents believe.",
    all.map(({ kind, fingerprint, notAfterMs }) => ({ labels: { kind, fingerprint }, value: notAfterMs / 1000 })),
  );
}

const gauge = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
  ...{ name, type: "gauge", help, samples },
});

/** How often each key is there. */
function tally(keys: readonly string[], labels: (key: string) => Record<string, string>): Sample[] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ labels: labels(key), value }));
}
