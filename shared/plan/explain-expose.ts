/** A dry run of a request to a service's own public listener: the gateway's, by the plan that its agents have. */
import { readConfirmation } from "../auth/confirmation.ts";
import { exposePlace } from "../config/expose-place.ts";
import type { Path } from "../config/problem.ts";
import { explain } from "./explain.ts";
import { withShadows } from "./explain-result.ts";
import { type Credential, type ExplainRequest, type ExplainStep, type Explanation, step } from "./explain-step.ts";
import type { ExposePlan, Plan, RoutePlan, ServicePlan } from "./plan.ts";

/**
 * @param nowMs for the times of a token
 * @returns undefined when the service does not exist, or shows nothing to the outside
 */
export function explainExposed(
  plan: Plan,
  service: string,
  request: ExplainRequest,
  nowMs: number,
): Explanation | undefined {
  const own = Object.hasOwn(plan.mesh.services, service) ? plan.mesh.services[service] : undefined;
  if (own?.expose === undefined) return undefined;
  // Loops of gateways are no matter of an agent, which hands requests to its own application.
  const headers = request.headers.filter(([name]) => name !== "via");
  const asked = { ...request, headers, credential: checkable(request.credential) };
  const explanation = explain(asGateway(plan, own.expose, own), asked, nowMs);
  const placed = <T extends { readonly path?: Path }>(one: T): T =>
    one.path === undefined ? one : { ...one, path: exposePlace(service, one.path) ?? one.path };
  const { route, otherRoutes, steps, result } = explanation;
  const passes = result.outcome === "forward";
  return withShadows({
    ...(route !== undefined && { route: placed(route) }),
    otherRoutes: otherRoutes.map(placed),
    steps: [listenStep(service, own.expose), ...steps.map(placed), ...(passes ? sheddingSteps(service, own) : [])],
    result: passes ? { outcome: "forward", text: "would be passed to the application" } : result,
  });
}

/** No step of the mesh is on the way: its agent hands a request to the application at once. */
function asGateway({ format, name, mesh }: Plan, expose: ExposePlan, { port }: ServicePlan): Plan {
  const routes = expose.routes.map((route): RoutePlan => {
    const { target } = route;
    return target.kind === "forward"
      ? { ...route, target: { ...target, to: { origin: `http://127.0.0.1:${port}` } } }
      : route;
  });
  const { trustDomain } = mesh;
  return { format, name, gateway: { format, trustDomain, ...expose, routes }, mesh: { trustDomain, services: {} } };
}

/** What binds a token is checked at the gateway alone. */
function checkable(credential: Credential): Credential {
  if (credential.kind !== "token") return credential;
  const bound = readConfirmation(credential.claims);
  if (typeof bound === "string" || bound.kind === "none") return credential;
  return { kind: "malformed", reason: `the token is bound to a ${bound.kind} key, which an agent cannot check` };
}

function listenStep(service: string, { listen }: ExposePlan): ExplainStep {
  const where = listen === undefined ? "where its agent is told to (`--expose`)" : `at ${listen}`;
  const text = `public TLS listener of each agent of ${service}, ${where}; open when the agent has a certificate`;
  return step("expose", "note", text, ["mesh", "services", service, "expose"]);
}

function sheddingSteps(service: string, { shedding }: ServicePlan): ExplainStep[] {
  if (shedding === undefined) return [];
  const text = "refused with 503 when the application has no place; how loaded it is is not known here";
  return [step("shedding", "note", text, ["mesh", "services", service, "shedding"])];
}
