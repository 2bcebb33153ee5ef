/** Peers of the mesh in the test's own process, with the identity of a service, that do as they are told. */
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Server, type Http1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import type { OutboundServicePlan } from "../../../shared/plan/plan.ts";
import { type TestAgent, until } from "./agents.ts";
import type { TestControl } from "./control-plane.ts";

/** @param index of the request at its peer, from 1 */
export type Behaviour = (exchange: ServerExchange, index: number) => void;

export interface TestPeer {
  readonly port: number;
  /** Method, target and number of the attempt of every request. */
  readonly seen: string[];
  readonly bodies: string[];
}

export class TestPeers {
  readonly #control: TestControl;
  readonly #listeners: Http1Server[] = [];
  #generation = 0;

  constructor(control: TestControl) {
    this.#control = control;
  }

  async start(behave: Behaviour, service = "target"): Promise<TestPeer> {
    const { keyPem: key, certPem: cert } = await this.#control.authority.issue(service);
    const tls = { key, cert, ca: this.#control.authority.rootPem };
    const listener = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, tls });
    const seen: string[] = [];
    const bodies: string[] = [];
    listener.onExchange((exchange) => {
      const { method, target, fields } = exchange.head;
      let body = "";
      exchange.body.onEnd(() => {
        bodies.push(body);
        seen.push(`${method} ${target} ${fields.get("selvage-attempt")}`);
        behave(exchange, seen.length);
      });
      exchange.body.onChunk((chunk) => {
        body += chunk;
      });
    });
    this.#listeners.push(listener);
    return { port: listener.port, seen, bodies };
  }

  /** Gives a caller these endpoints of `target`, in this order, and nothing of what it knew of earlier ones. */
  async give(
    caller: TestAgent,
    ports: readonly number[],
    settings: Partial<OutboundServicePlan> = {},
    zones: readonly string[] = [],
  ): Promise<void> {
    this.#generation++;
    this.#control.setPlan("caller", { outbound: { target: settings } });
    const names = ports.map((_, at) => `t${this.#generation}-${at}`);
    this.#control.extra = {
      target: ports.map((port, at) => ({
        instance: names[at] as string,
        host: "127.0.0.1",
        port,
        labels: { version: `v${at + 1}`, ...(zones[at] !== undefined && { zone: zones[at] }) },
      })),
    };
    this.#control.announce();
    await until("the caller knows the endpoints", async () => {
      const { text } = await caller.admin("/config");
      const config = JSON.parse(text) as { endpoints: { services: Record<string, { instance: string }[]> } };
      const known = config.endpoints.services.target?.map(({ instance }) => instance);
      return JSON.stringify(known) === JSON.stringify(names);
    });
  }

  async end(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close(0)));
  }
}

export const answer =
  (status: number, fields: Record<string, string> = {}, body = "ok"): Behaviour =>
  (exchange) => {
    const bytes = Buffer.from(body);
    const writer = exchange.respond({
      status,
      fields: FieldList.from(Object.entries(fields)),
      bodyLength: bytes.length,
    });
    writer.write(bytes);
    writer.end();
  };
