/** A service that faces the outside by its own agent, and all that it needs: a control plane, an issuer, a certificate. */
import type { ExposePlan } from "../../../shared/plan/plan.ts";
import { Fleet, type TestAgent, until } from "./agents.ts";
import { TestControl } from "./control-plane.ts";
import { compiledExpose, type OutsideAnswer, outside, TestCertificate, TestIssuer } from "./outside.ts";

export const ORIGIN = "https://app.example.com";

const ROUTES = [
  {
    name: "orders",
    match: { path: "/orders/*", methods: ["GET", "POST"] },
    auth: { any: ["login"], scopes: ["orders:read"] },
    identityHeaders: { "x-user": "{identity.sub}" },
    transform: {
      request: { headers: { set: { "x-source": "outside" }, remove: ["x-internal"] } },
      response: { headers: { set: { "x-answered": "by selvage" } } },
    },
    maxBody: "1KiB",
  },
  { name: "public", match: { path: "/public/{id}" }, rewrite: "/items/{id}" },
  { name: "limited", match: { path: "/limited" }, rateLimit: { limit: "2/hour", by: "ip" } },
  { name: "by-user", match: { path: "/by-user" }, auth: "login", rateLimit: { limit: "1/hour", by: "identity" } },
  { name: "watched", match: { path: "/watched" }, rateLimit: { limit: "1/hour", by: "all", shadow: true } },
  {
    name: "tried",
    match: { path: "/tried" },
    auth: { any: ["login"], scopes: ["orders:read"], mode: "shadow" },
    identityHeaders: { "x-user": "{identity.sub}" },
  },
  { name: "one", match: { path: "/hold" }, rateLimit: { concurrent: 1, by: "all" } },
  { name: "adults", match: { path: "/adults" }, auth: { any: ["login"], when: "identity.claims.age >= 18.0" } },
];

const CORS = { origins: [ORIGIN], methods: ["GET", "POST"], exposeHeaders: ["ratelimit"] };

export class ExposedWorld {
  readonly fleet: Fleet;
  readonly control: TestControl;
  readonly issuer: TestIssuer;
  readonly certificate: TestCertificate;
  readonly agent: TestAgent;

  private constructor(fleet: Fleet, control: TestControl, issuer: TestIssuer, certificate: TestCertificate) {
    this.fleet = fleet;
    this.control = control;
    this.issuer = issuer;
    this.certificate = certificate;
    control.setPlan("shop", { expose: this.expose(), access: [] });
    this.agent = this.run("shop");
  }

  static async start(): Promise<ExposedWorld> {
    const fleet = new Fleet();
    const [control, issuer] = await Promise.all([TestControl.start(), TestIssuer.start()]);
    const world = new ExposedWorld(fleet, control, issuer, await TestCertificate.make(fleet.folder()));
    try {
      await world.agent.ready();
      await world.opened(world.agent);
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  async end(): Promise<void> {
    await this.fleet.end();
    await Promise.all([this.control.close(), this.issuer.close()]);
  }

  /** @param more members of `expose` beside or instead of the usual */
  expose(more: object = {}): ExposePlan {
    const identity = { login: { jwt: { issuer: this.issuer.url, audience: "shop-api" } } };
    return compiledExpose({ cors: CORS, routes: ROUTES, ...more }, identity);
  }

  /** An agent of a service whose plan is set. */
  run(service: string, flags: readonly string[] = ["--expose", "127.0.0.1:0", ...this.certificate.flags]): TestAgent {
    return this.fleet.run(service, this.control.joinToken(service), flags);
  }

  opened(agent: TestAgent): Promise<void> {
    return until(`${agent.name} is open to the outside`, () => agent.runtime.ports.expose !== undefined);
  }

  get port(): number {
    return portOf(this.agent);
  }

  ask(path: string, options: Parameters<typeof outside>[3] = {}, port = this.port): Promise<OutsideAnswer> {
    return outside(port, this.certificate.authority.rootPem, path, options);
  }

  async bearer(claims: Record<string, unknown> = {}): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${await this.issuer.token(claims)}` };
  }
}

export const portOf = (agent: TestAgent): number => agent.runtime.ports.expose ?? 0;
