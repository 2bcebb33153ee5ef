/** A caller and instances of one service, each behind its agent, with applications and a network that tests can break. */
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { OutboundServicePlan } from "../../../shared/plan/plan.ts";
import type { Endpoint } from "../../../shared/wire/endpoint.ts";
import { Fleet, type TestAgent, until } from "./agents.ts";
import { outboundDefaults, TestControl } from "./control-plane.ts";
import { RawApp } from "./raw-app.ts";
import { Relay } from "./relay.ts";

/** What the caller's application sees. */
export interface Seen {
  /** 0: the connection broke before a head. */
  readonly status: number;
  readonly body: string;
  /** `code` of a problem document. */
  readonly code?: string;
  /** The answer broke off behind its head. */
  readonly broken: boolean;
}

export interface Instance {
  readonly agent: TestAgent;
  readonly app: RawApp;
  readonly relay: Relay;
}

/** Nothing is ejected, so that each row of a table says what one failure does. */
const UNMOVED = { ...outboundDefaults.breaker, consecutiveFailures: 1_000, ejectForMs: 1_000 };

const appFile = join(import.meta.dirname, "app.ts");
/** The process that an agent starts for an application that is elsewhere. */
const IDLE = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 60_000)";

export class MeshWorld {
  readonly fleet = new Fleet();
  readonly connections = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly instances: Instance[] = [];
  readonly control: TestControl;
  caller!: TestAgent;
  #generation = 0;
  readonly #names = join(this.fleet.folder(), "names.json");

  private constructor(control: TestControl) {
    this.control = control;
  }

  /**
   * @param count instances of `callee`
   * @param prepare sets up the control plane before anybody joins
   */
  static async start(count: number, prepare?: (control: TestControl) => void): Promise<MeshWorld> {
    const world = new MeshWorld(await TestControl.start());
    const { control } = world;
    prepare?.(control);
    control.setPlan("caller", { outbound: { callee: {} } });
    control.setPlan("callee", {});
    world.name({});
    world.caller = world.#start("caller", 1, 0, {
      NODE_OPTIONS: `--import ${join(import.meta.dirname, "name-service.ts")}`,
      SELVAGE_TEST_NAMES: world.#names,
    });
    const numbers = Array.from({ length: count }, (_, at) => at + 1);
    await Promise.all([
      world.caller.ready(),
      ...numbers.map(async (number) => {
        const name = `callee-${number}`;
        control.hidden.add(name);
        const app = await RawApp.start();
        const agent = world.#start("callee", number, app.port);
        await agent.ready();
        world.instances[number - 1] = { agent, app, relay: await Relay.start(agent.runtime.ports.inbound ?? 0) };
      }),
    ]);
    return world;
  }

  /** @param port of its application in the test's process; 0: it has one of its own */
  #start(service: string, number: number, port: number, environment: Record<string, string> = {}): TestAgent {
    const name = `${service}-${number}`;
    const folder = this.fleet.folder();
    const flags = ["--state", folder, "--instance", name, "--port", String(port)];
    const app = port === 0 ? [appFile] : ["-e", IDLE];
    const command = ["run", ...flags, "--", process.execPath, ...app];
    return this.fleet.start(name, folder, command, this.control.joinToken(service), environment);
  }

  /** What the caller's agent finds under names, from now on. */
  name(addresses: Readonly<Record<string, string>>): void {
    writeFileSync(this.#names, JSON.stringify(addresses));
  }

  instance(at: number): Instance {
    const instance = this.instances[at];
    if (instance === undefined) throw new Error(`there is no instance ${at}`);
    return instance;
  }

  /** The endpoint of an instance, behind its part of the network. */
  endpoint(at: number, change: Partial<Endpoint> = {}): Endpoint {
    const { port } = this.instance(at).relay;
    return { instance: `${++this.#generation}-${at}`, host: "127.0.0.1", port, labels: {}, ...change };
  }

  /** Gives the caller these endpoints, and waits until it knows them; it knows nothing of how earlier ones fared. */
  async use(endpoints: readonly Endpoint[], settings: Partial<OutboundServicePlan> = {}): Promise<void> {
    this.control.setPlan("caller", { outbound: { callee: { breaker: UNMOVED, ...settings } } });
    this.control.extra = { callee: [...endpoints] };
    this.control.announce();
    const wanted = JSON.stringify(endpoints.map(({ instance }) => instance));
    await until("the caller knows the endpoints", async () => {
      const { text } = await this.caller.admin("/config");
      const config = JSON.parse(text) as { endpoints: { services: Record<string, { instance: string }[]> } };
      return JSON.stringify(config.endpoints.services.callee?.map(({ instance }) => instance)) === wanted;
    });
  }

  /** One call through the caller's agent, as its application makes it. */
  call(id: string, method = "GET", fields: Record<string, string> = {}): Promise<Seen> {
    return new Promise((resolve) => {
      const { outbound = 0 } = this.caller.runtime.ports;
      const headers = { host: "callee.mesh", ...fields };
      const options = { host: "127.0.0.1", port: outbound, path: `/${id}`, method, headers, agent: this.connections };
      let status = 0;
      let body = "";
      const outgoing = request(options, (incoming) => {
        status = incoming.statusCode ?? 0;
        incoming.on("data", (chunk) => {
          body += chunk;
        });
        incoming.on("error", () => undefined);
        incoming.on("end", () => resolve({ status, body, broken: false, ...codeIn(incoming.headers, body) }));
      });
      outgoing.on("error", () => resolve({ status, body, broken: true }));
      outgoing.on("close", () => resolve({ status, body, broken: true }));
      outgoing.end(method === "POST" ? "hello" : undefined);
    });
  }

  /** How often the request came whole to an application, of any instance. */
  executions(id: string, method: string): number {
    return this.instances.reduce((sum, { app }) => sum + (app.executed.get(`${method} ${id}`) ?? 0), 0);
  }

  async end(): Promise<void> {
    this.connections.destroy();
    for (const { agent } of this.instances) wake(agent);
    await this.fleet.end();
    await Promise.all(this.instances.flatMap(({ app, relay }) => [app.refuse(), relay.close()]));
    await this.control.close();
  }
}

function codeIn(headers: NodeJS.Dict<string | string[]>, body: string): { code?: string } {
  if (headers["content-type"] !== "application/problem+json") return {};
  return { code: (JSON.parse(body) as { code: string }).code };
}

/** Stops the agent's own process, as a machine that hangs. */
export function freeze({ runtime }: TestAgent): void {
  process.kill(runtime.pid, "SIGSTOP");
}

export function wake({ runtime }: TestAgent): void {
  process.kill(runtime.pid, "SIGCONT");
}
