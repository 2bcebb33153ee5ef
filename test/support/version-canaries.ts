/** Two versions of the shop whose edge routes and mesh policy fit each other alone, and who decided its requests; the system tests run it short, `test/long` long. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../../shared/limits.ts";
import type { CanaryStatus } from "../../shared/wire/canary.ts";
import type { Load } from "./load.ts";
import { orderLoad } from "./outages.ts";
import { type Ended, root, type System, startSystem, until } from "./system.ts";

const HOSTS = ["gateway", "ingress", "orders-v1-1", "orders-v1-2", "orders-v2-1", "inventory-1"];

/** Plans that decided one request, at every hop that tells of it. */
export interface Decided {
  readonly plans: ReadonlySet<number>;
  readonly hops: number;
}

export class CanaryWorld {
  readonly system: System;
  readonly #token: string;
  readonly #folder: string;
  #documents = 0;

  private constructor(system: System, token: string) {
    this.system = system;
    this.#token = token;
    this.#folder = mkdtempSync(join(tmpdir(), "selvage-canary-"));
  }

  /** With a first version, whose requests go to instances of v1 alone. */
  static async start(): Promise<CanaryWorld> {
    const system = await startSystem();
    const world = new CanaryWorld(system, await system.token("alice", "orders:read"));
    const { code, stderr } = await system.selvage("apply", world.document("v1: 100"), "--wait");
    if (code !== 0) throw new Error(stderr);
    // A gateway without a lease was not waited for, and on a busy machine decides its first requests by the plan that it had.
    await until("the gateway serves it", async () => (await world.get("/load/orders/1")).status === 200);
    return world;
  }

  async stop(): Promise<void> {
    await this.system.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  load(rate: number): Load {
    return orderLoad(this.system, this.#token, rate);
  }

  get(path: string): Promise<Response> {
    return this.system.get(path, this.#token);
  }

  /**
   * A document of its own: the edge rewrites to a path that no other has, and the mesh takes that path alone.
   * @param split of orders, by their version
   * @param inventoryFrom who may call inventory: with anybody but `orders` all requests fail, by what is decided at the third hop
   */
  document(split: string, inventoryFrom = "orders"): string {
    const side = `side-${++this.#documents}`;
    let text = readFileSync(join(root, "examples/shop/selvage.yaml"), "utf8");
    const edits = [
      [/match: \{ path: \/load\/orders\/\* \}/, `match: { path: /load/orders/* }\n      rewrite: /${side}/orders/*`],
      [/split: \{ v1: 90, v2: 10 \}/, `split: { ${split} }`],
      [/access: # the end.*\n(.*\n){2}/, `access: [{ from: gateway, paths: ["/${side}/*"] }]\n`],
      [/access: \[\{ from: orders \}\]/, `access: [{ from: ${inventoryFrom} }]`],
    ] as const;
    for (const [from, to] of edits) {
      if (text.search(from) < 0) throw new Error(`the shop has no ${from}`);
      text = text.replace(from, to);
    }
    const file = join(this.#folder, `${side}.yaml`);
    writeFileSync(file, text);
    return file;
  }

  /** Requests are drawn one by one, since all of them come from one address. */
  begin(document: string, ...args: string[]): Promise<Ended> {
    return this.system.selvage("apply", document, "--sticky", "trace", "--wait", "--json", ...args);
  }

  async canary(): Promise<CanaryStatus> {
    const url = `http://127.0.0.1:${this.system.port("CONTROL")}/v1/canary`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${this.system.adminToken}` } });
    return ((await answer.json()) as { canary: CanaryStatus }).canary;
  }

  /**
   * Waits until so many more requests were decided by a version at a host.
   * @throws Error with the canary and what failed by that version, at every host, when it never happens
   */
  async decided(version: number, count: number, name: string): Promise<void> {
    const lines = (): number => this.system.accessLog(name).filter(({ plan }) => plan === version).length;
    const goal = lines() + count;
    const what = `${count} requests by version ${version} at ${name}`;
    await until(what, () => lines() >= goal, 30_000).catch(async (error: Error) => {
      const { phase, reason } = await this.canary();
      const failed = HOSTS.map((host) => [host, this.#failedBy(version, host)]);
      throw new Error(`${error.message}; the canary is ${phase} ${reason}: ${JSON.stringify(failed)}`);
    });
  }

  #failedBy(version: number, host: string): unknown[] {
    const failed = this.system.accessLog(host).filter(({ plan, status }) => plan === version && status >= 400);
    return failed.slice(0, 3).map(({ time, status, reason }) => [time, status, reason]);
  }

  /** Makes it live. @returns versions that decided requests which came a lease later */
  async promote(version: number, count: number): Promise<Set<number>> {
    const { code, stderr } = await this.system.selvage("canary", "promote", "--wait");
    if (code !== 0) throw new Error(stderr);
    await delay(limits.gateway.planLeaseMs);
    const sinceMs = Date.now();
    await this.decided(version, count, "gateway");
    const late = this.system.accessLog("gateway").filter(({ time }) => Date.parse(time) > sinceMs);
    return new Set(late.map(({ plan }) => plan));
  }

  /** Requests that one of these versions decided at some hop. */
  requestsBy(...versions: number[]): Decided[] {
    const found = new Map<string, { plans: Set<number>; hops: number }>();
    for (const { traceId, plan } of HOSTS.flatMap((name) => this.system.accessLog(name))) {
      const known = found.get(traceId) ?? { plans: new Set(), hops: 0 };
      found.set(traceId, known);
      known.plans.add(plan);
      known.hops++;
    }
    return [...found.values()].filter(({ plans }) => versions.some((version) => plans.has(version)));
  }
}

/** That more than one version decided a request. */
export const isMixed = ({ plans }: Decided): boolean => plans.size > 1;
