/** Who may call whom, as the document says it. */
import type { Path } from "../config/problem.ts";
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { AccessRule } from "../policy/settings.ts";
import type { Plan } from "./plan.ts";
import { reachedFrom } from "./route-targets.ts";

export interface MeshEdge {
  /** A service, `gateway`, `*` for any workload of the trust domain, or a SPIFFE ID of another one. */
  readonly from: string;
  readonly to: string;
  /** `denied`: a route leads there, and no rule lets the gateway in. */
  readonly verdict: "allowed" | "shadow" | "denied";
  /** What the rule asks beside who calls. Empty: nothing. */
  readonly asks: readonly string[];
  /** Routes by which the gateway calls. */
  readonly routes: readonly string[];
  readonly path: Path;
}

/** By the called service, in the order of its rules. */
export function meshEdges(plan: Plan): MeshEdge[] {
  return Object.entries(plan.mesh.services).flatMap(([to, { access }]) => {
    const routes = routesTo(plan, to);
    const at: Path = ["mesh", "services", to];
    if (access === undefined)
      return [{ from: "*", to, verdict: "allowed", asks: ["no `access`: any workload"], routes, path: at } as const];
    const edges = access.map((rule, index) => edgeOf(rule, to, routes, [...at, "access", index]));
    const isClosed = routes.length > 0 && !access.some(({ from }) => from === GATEWAY_SERVICE || from === "*");
    const denied = { from: GATEWAY_SERVICE, to, verdict: "denied", asks: [], routes, path: [...at, "access"] } as const;
    return isClosed ? [...edges, denied] : edges;
  });
}

function edgeOf(rule: AccessRule, to: string, routes: readonly string[], path: Path): MeshEdge {
  const { from, mode, methods, paths = [], scopes, claims = {} } = rule;
  const asks = [
    ...(methods.length > 0 ? [methods.join(",")] : []),
    ...paths,
    ...(scopes.length > 0 ? [`scopes ${scopes.join(" ")}`] : []),
    ...Object.entries(claims).map(([name, value]) => `${name}=${value}`),
  ];
  const isGateway = from === GATEWAY_SERVICE || from === "*";
  return { from, to, verdict: mode === "shadow" ? "shadow" : "allowed", asks, routes: isGateway ? routes : [], path };
}

function routesTo({ gateway }: Plan, service: string): string[] {
  const leads = gateway.routes.filter((route) =>
    reachedFrom(route).some((target) => "service" in target && target.service === service),
  );
  return leads.map(({ name }) => name);
}
