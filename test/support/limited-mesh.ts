/** A control plane alone and agents with applications: several instances of one service whose limit they share, and one that calls them. */
import { Agent, request } from "node:http";
import { Fleet, type TestAgent, until } from "../mesh-agent/support/agents.ts";
import { ControlWorker } from "./control-worker.ts";

export interface Outcome {
  readonly status: number;
  readonly ms: number;
}

const INSTANCES = ["callee-1", "callee-2", "callee-3"] as const;

export class LimitedMesh {
  readonly control: ControlWorker;
  readonly callees: readonly TestAgent[];
  readonly #fleet: Fleet;
  readonly #caller: TestAgent;
  readonly #killed = new Set<TestAgent>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  private constructor(control: ControlWorker, fleet: Fleet, callees: readonly TestAgent[], caller: TestAgent) {
    this.control = control;
    this.callees = callees;
    this.#fleet = fleet;
    this.#caller = caller;
  }

  /** @param instances of the service, three at most */
  static async start(instances: number = INSTANCES.length): Promise<LimitedMesh> {
    const control = await ControlWorker.start(2);
    await control.apply(documentOf([]));
    const fleet = new Fleet();
    const run = async (service: string, name: string): Promise<TestAgent> =>
      fleet.run(name, await control.joinToken(service));
    const callees = await Promise.all(INSTANCES.slice(0, instances).map((name) => run("callee", name)));
    const caller = await run("caller", "caller-1");
    await Promise.all([...callees, caller].map((one) => one.ready()));
    const mesh = new LimitedMesh(control, fleet, callees, caller);
    await mesh.#known();
    return mesh;
  }

  async #known(): Promise<void> {
    await until("the caller knows the instances", async () => {
      const { text } = await this.#caller.admin("/config");
      return this.callees.every(({ name }) => text.includes(`"instance":"${name}"`));
    });
  }

  /** The service's limits from here on, at each instance that lives. */
  async limit(...rateLimit: readonly { readonly name: string; readonly [key: string]: unknown }[]): Promise<void> {
    await this.control.apply(documentOf(rateLimit));
    for (const one of this.callees)
      if (!this.#killed.has(one))
        await until(`${one.name} holds it`, async () => {
          const { text } = await one.admin("/config");
          return rateLimit.every(({ name }) => text.includes(`"name":"${name}"`));
        });
  }

  /** As by a machine that loses its power. */
  kill(at: number): void {
    const victim = this.callees[at];
    if (victim === undefined) throw new Error(`no instance ${at}`);
    this.#killed.add(victim);
    victim.kill("SIGKILL");
  }

  /** So many calls, so many of them at a time. @param at is told the number of each call that begins */
  async load(calls: number, atOnce: number, at: (call: number) => void = () => {}): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < calls) {
        at(next++);
        outcomes.push(await this.#call());
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return outcomes;
  }

  async end(): Promise<void> {
    this.#agent.destroy();
    await this.#fleet.end();
    await this.control.end();
  }

  #call(): Promise<Outcome> {
    const startMs = performance.now();
    const { outbound: port } = this.#caller.runtime.ports;
    return new Promise((resolve) => {
      const done = (status: number): void => resolve({ status, ms: performance.now() - startMs });
      const outgoing = request({ agent: this.#agent, port, headers: { host: "callee.mesh" } }, (answer) => {
        answer.resume().on("end", () => done(answer.statusCode ?? 0));
        answer.on("error", () => done(0));
      });
      outgoing.on("error", () => done(0)).end();
    });
  }
}

export const countOf = (outcomes: readonly Outcome[], status: number): number =>
  outcomes.filter((one) => one.status === status).length;

function documentOf(rateLimit: readonly object[]): object {
  const limits = rateLimit.length > 0 ? { rateLimit } : {};
  return {
    selvage: 1,
    name: "limited",
    gateway: { hosts: ["localhost"], routes: [{ name: "callee", match: { path: "/*" }, to: "callee" }] },
    mesh: {
      trustDomain: "limited.internal",
      services: {
        caller: { port: 8080, access: [] },
        callee: {
          port: 8080,
          access: [{ from: "caller" }, { from: "gateway" }],
          balance: { policy: "round-robin" },
          ...limits,
        },
      },
    },
  };
}
