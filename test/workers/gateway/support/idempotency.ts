import { env as testEnv } from "cloudflare:workers";
import type { RoutePlan } from "../../../../shared/plan/plan.ts";
import type { IdempotencySettings } from "../../../../shared/policy/idempotency.ts";
import type { Env } from "../../../../workers/gateway/env.ts";
import { type Gateway, type Outside, startGateway } from "./gateway.ts";
import { createIssuer } from "./issuer.ts";
import { plan, route } from "./plans.ts";

export const env = testEnv as unknown as Env;
export const issuer = await createIssuer();

export const settings = (more: Partial<IdempotencySettings> = {}): IdempotencySettings => ({
  required: false,
  ttlMs: 3_600_000,
  methods: ["PATCH", "POST"],
  header: "idempotency-key",
  unquoted: false,
  fingerprintHeaders: [],
  answerBytesMax: 1024 * 1024,
  onUnknown: "refuse",
  ...more,
});

/** Each test has route names of its own, so objects of its own. */
let unique = 0;
export const payments = (more: Partial<IdempotencySettings> = {}, route_: Partial<RoutePlan> = {}): RoutePlan =>
  route(`payments-${unique++}`, "/payments/*", {
    auth: { any: ["login"], scopes: [], optional: true },
    idempotency: settings(more),
    ...route_,
  });

export const start = (
  routes: RoutePlan | readonly RoutePlan[],
  outside: Outside,
  options: { env?: Partial<Env> } = {},
): Promise<Gateway> =>
  startGateway(
    plan(Array.isArray(routes) ? routes : [routes as RoutePlan]),
    (request) => issuer.answer(request.url) ?? outside(request),
    options,
  );

export interface Payment {
  readonly key?: string;
  readonly body?: BodyInit;
  readonly sub?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** One payment by alice, unless it says otherwise. @param sub "" nobody */
export async function pay(gateway: Gateway, { key, body = '{"amount":1}', sub = "alice", ...more }: Payment) {
  const headers = new Headers({ "content-type": "application/json", ...more.headers });
  if (key !== undefined) headers.set("idempotency-key", key);
  if (sub !== "") headers.set("authorization", `Bearer ${await issuer.sign({ sub })}`);
  const response = await gateway.fetch(more.path ?? "/payments/1", { method: more.method ?? "POST", headers, body });
  return response;
}

export async function told(response: Response): Promise<[status: number, code: unknown]> {
  return [response.status, ((await response.json()) as { code?: unknown }).code];
}

/** An upstream that counts, and answers each request differently. */
export function counting(
  answer: (count: number, request: Request) => Response | undefined | Promise<Response | undefined>,
) {
  const state = { count: 0 };
  const outside: Outside = (request) => answer(++state.count, request);
  return { state, outside };
}
