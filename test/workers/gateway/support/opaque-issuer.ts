/** An issuer that is asked about tokens, played in the same isolate, and a gateway with one provider that asks it. */
import { vi } from "vitest";
import type { IntrospectionProvider } from "../../../../shared/auth/providers.ts";
import type { GatewayPlan } from "../../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { plan, route } from "./plans.ts";

export const OPAQUE_ISSUER = "https://opaque.example/";
export const INTROSPECT = `${OPAQUE_ISSUER}introspect`;
export const OPAQUE_KEYS = `${OPAQUE_ISSUER}keys`;
export const CLIENT_SECRET = "a b:c%d+é";
export const secrets = { SECRET_CLIENT: CLIENT_SECRET, SECRET_BEARER: "gateway-token" };
/** What the endpoint says of the token `good`. */
export const good = { active: true, sub: "alice", scope: "orders:read" };

type Reply = object | Response | undefined;

export interface Asked {
  readonly token: string | null;
  readonly form: URLSearchParams;
  readonly authorization: string | null;
  readonly accept: string | null;
}

export const opaqueProvider = (more: Partial<IntrospectionProvider> = {}): IntrospectionProvider => ({
  kind: "introspection",
  issuer: OPAQUE_ISSUER,
  url: INTROSPECT,
  client: { method: "client_secret_basic", id: "gate way", secret: "CLIENT" },
  subject: ["sub"],
  jwts: true,
  clockSkewMs: 0,
  timeoutMs: 5_000,
  rememberMs: 30_000,
  ...more,
});

export const opaquePlan = (more: Partial<IntrospectionProvider> = {}, whole: Partial<GatewayPlan> = {}): GatewayPlan =>
  plan([route("orders", "/orders/*", { auth: { any: ["p"], scopes: ["orders:read"] } })], {
    identity: { p: opaqueProvider(more) },
    ...whole,
  });

export class OpaqueIssuer {
  /** What is said of a token; of others that they are not active. */
  readonly answers = new Map<string, () => Reply | Promise<Reply>>([["good", () => good]]);
  readonly asked: Asked[] = [];
  isUp = true;
  #gateway: Gateway | undefined;

  get gateway(): Gateway {
    if (this.#gateway === undefined) throw new Error("not started");
    return this.#gateway;
  }

  /** The outside of a gateway: this issuer, and an upstream that is content with everything. */
  readonly outside = async (request: Request): Promise<Response | undefined> => {
    if (!request.url.startsWith(OPAQUE_ISSUER)) return Response.json({ ok: true });
    if (!this.isUp) return undefined;
    if (request.url.endsWith("openid-configuration"))
      return Response.json({ issuer: OPAQUE_ISSUER, jwks_uri: OPAQUE_KEYS, introspection_endpoint: INTROSPECT });
    if (request.url === OPAQUE_KEYS) return Response.json({ keys: [] });
    const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()));
    const token = form.get("token");
    const { headers } = request;
    this.asked.push({ token, form, authorization: headers.get("authorization"), accept: headers.get("accept") });
    const reply = await (this.answers.get(token ?? "") ?? (() => ({ active: false })))();
    return reply instanceof Response || reply === undefined ? reply : Response.json(reply);
  };

  async start(more: Partial<IntrospectionProvider> = {}, whole: Partial<GatewayPlan> = {}): Promise<void> {
    await this.startWith(opaquePlan(more, whole));
  }

  async startWith(whole: GatewayPlan, outside = this.outside): Promise<void> {
    this.#gateway = await startGateway(whole, outside, { env: secrets });
  }

  get(token: string, ip = "192.0.2.1"): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, "cf-connecting-ip": ip };
    return this.gateway.fetch("/orders/1", { headers });
  }

  async status(token: string, ip?: string): Promise<number> {
    return (await this.get(token, ip)).status;
  }

  /** Reason of the last request, from its line of the log. */
  get lastReason(): unknown {
    return this.gateway.logs.filter(({ kind }) => kind === "access").at(-1)?.reason;
  }
}

export const begin = Date.now();
/** Moves the clock of the gateway to milliseconds after `begin`. */
export const at = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(begin + ms);
