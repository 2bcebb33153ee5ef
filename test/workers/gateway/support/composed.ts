import { loadDocument } from "../../../../shared/config/load.ts";
import { compile } from "../../../../shared/plan/compile.ts";
import type { GatewayPlan } from "../../../../shared/plan/plan.ts";
import type { Env } from "../../../../workers/gateway/env.ts";
import { type Gateway, type Outside, startGateway } from "./gateway.ts";

/** A document with one route, as people write it. @param route YAML of the route beside its name */
export function composedPlan(route: string, services: readonly string[] = ["a", "b", "c"]): GatewayPlan {
  const indented = route.trim().split("\n").join("\n      ");
  const text = `selvage: 1
name: shop
gateway:
  hosts: [api.shop.example]
  routes:
    - name: composed
      ${indented}
mesh:
  trustDomain: shop.internal
  services:
${services.map((name) => `    ${name}: { port: 8080, access: [] }`).join("\n")}
`;
  const { document, problems } = loadDocument(text, "composed.yaml", () => undefined);
  if (document === undefined) throw new Error(problems.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(document).gateway;
}

/** Answers of a service, or of an origin by its host. */
export type Answers = Readonly<Record<string, (request: Request, url: URL) => ReturnType<Outside>>>;

/** A gateway with that route before those answers. */
export function startComposed(route: string, answers: Answers, env: Partial<Env> = {}): Promise<Gateway> {
  return startGateway(
    composedPlan(route),
    (request) => {
      const url = new URL(request.url);
      return answers[request.headers.get("selvage-service") ?? url.host]?.(request, url);
    },
    { env },
  );
}
