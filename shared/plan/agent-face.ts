import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import type { AgentPlan, OutboundServicePlan, Plan, ServicePlan } from "./plan.ts";
import { mapValues } from "./sorted.ts";

/**
 * The face of one agent: what it serves, and the services that its workload may call.
 * @param service a service of the plan, or `gateway` for the ingress agent
 * @returns undefined when the plan has no such service
 */
export function agentPlan(plan: Plan, service: string): AgentPlan | undefined {
  const { format, mesh } = plan;
  const own = Object.hasOwn(mesh.services, service) ? mesh.services[service] : undefined;
  if (own === undefined && service !== GATEWAY_SERVICE) return undefined;
  const callable = Object.entries(mesh.services).filter(
    ([name, other]) => mayCall(other, service) || routed(plan, service, name),
  );
  const outbound = mapValues(Object.fromEntries(callable), outboundPlan);
  const face = { format, trustDomain: mesh.trustDomain, service, outbound };
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
  return plan.gateway.routes.flatMap(({ target }) =>
    target.kind === "forward" ? [target.to] : target.parts.map((part) => part.target),
  );
}

function outboundPlan(service: ServicePlan): OutboundServicePlan {
  const { subsets, traffic, mirror, faults, timeoutMs, retries, hedge, breaker, balance } = service;
  const optional = { ...(mirror !== undefined && { mirror }), ...(faults !== undefined && { faults }) };
  const sending = { timeoutMs, retries, ...(hedge !== undefined && { hedge }), breaker, balance };
  return { subsets, traffic, ...optional, ...sending };
}

function inboundPlan(service: ServicePlan): NonNullable<AgentPlan["inbound"]> {
  const { port, protocol, access, shedding, rateLimits, expose } = service;
  const outside = { ...(rateLimits !== undefined && { rateLimits }), ...(expose !== undefined && { expose }) };
  return {
    ...{ port, protocol, ...outside },
    ...(access !== undefined && { access }),
    ...(shedding !== undefined && { shedding }),
  };
}
