import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import { ACCESS_PLAN_FORMAT, type AgentPlan, type OutboundServicePlan, type Plan, type ServicePlan } from "./plan.ts";
import { routeFormat } from "./route-format.ts";
import { reachedFrom } from "./route-targets.ts";
import { mapValues } from "./sorted.ts";

/**
 * The face of one agent: what it serves, and the services that its workload may call.
 * @param service a service of the plan, or `gateway` for the ingress agent
 * @returns undefined when the plan has no such service
 */
export function agentPlan(plan: Plan, service: string): AgentPlan | undefined {
  const { mesh } = plan;
  const own = Object.hasOwn(mesh.services, service) ? mesh.services[service] : undefined;
  if (own === undefined && service !== GATEWAY_SERVICE) return undefined;
  const callable = Object.entries(mesh.services).filter(
    ([name, other]) => mayCall(other, service) || routed(plan, service, name),
  );
  const outbound = mapValues(Object.fromEntries(callable), outboundPlan);
  const isNew = own?.access?.some(({ paths, claims }) => paths !== undefined || claims !== undefined) ?? false;
  const older: AgentPlan["format"] = isNew ? ACCESS_PLAN_FORMAT : plan.format;
  const format = Math.max(older, routeFormat(own?.expose?.routes ?? [])) as AgentPlan["format"];
  const face = {
    format,
    trustDomain: mesh.trustDomain,
    service,
    ...(mesh.telemetry && { telemetry: mesh.telemetry }),
    outbound,
  };
  return own === undefined ? face : { ...face, inbound: inboundPlan(own) };
}

function mayCall(service: ServicePlan, caller: string): boolean {
  return service.access === undefined || service.access.some(({ from }) => from === caller || from === "*");
}

/** The edge also gets what its routes name: a service that refuses it then says so, instead of being unknown. */
function routed(plan: Plan, caller: string, name: string): boolean {
  return caller === GATEWAY_SERVICE && targetsOf(plan).some((target) => "service" in target && target.service === name);
}

function targetsOf(plan: Plan): UpstreamTarget[] {
  return plan.gateway.routes.flatMap(reachedFrom);
}

function outboundPlan(service: ServicePlan): OutboundServicePlan {
  const { subsets, traffic, mirror, faults, timeoutMs, retries, hedge, breaker, balance } = service;
  const tunnels = tunnelsOf(service);
  const optional = { ...(mirror !== undefined && { mirror }), ...(faults !== undefined && { faults }) };
  const found = service.discovery === undefined ? {} : { discovery: service.discovery };
  const sending = { timeoutMs, retries, ...(hedge !== undefined && { hedge }), breaker, balance, ...found };
  return { ...tunnels, subsets, traffic, ...optional, ...sending };
}

function tunnelsOf(
  service: ServicePlan,
): Pick<OutboundServicePlan, "protocol" | "outboundPort" | "upgrades" | "streamIdleMs"> {
  const { protocol, outboundPort, upgrades, streamIdleMs } = service;
  return {
    ...(protocol !== "http" && { protocol }),
    ...(outboundPort !== undefined && { outboundPort }),
    ...(upgrades !== undefined && { upgrades }),
    ...(streamIdleMs !== undefined && { streamIdleMs }),
  };
}

function inboundPlan(service: ServicePlan): NonNullable<AgentPlan["inbound"]> {
  const { port, protocol, upgrades, streamIdleMs, access, shedding, rateLimits, expose } = service;
  const tunnels = { ...(upgrades !== undefined && { upgrades }), ...(streamIdleMs !== undefined && { streamIdleMs }) };
  return {
    port,
    protocol,
    ...tunnels,
    ...(rateLimits !== undefined && { rateLimits }),
    ...(expose !== undefined && { expose }),
    ...(access !== undefined && { access }),
    ...(shedding !== undefined && { shedding }),
  };
}
