/** The part of Consul's HTTP API that healthy instances are asked by, with blocking queries; shapes as a Consul 1.20 gives them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ConsulInstance {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly meta?: Readonly<Record<string, string>>;
  readonly weight?: number;
}

export class TestConsul {
  /** Tells the answers to blocking queries, and may go back. */
  index = 100;
  token: string | undefined;
  /** Status of every call instead of an answer. */
  failing: number | undefined;
  readonly asked: string[] = [];
  #instances: readonly ConsulInstance[] = [];
  readonly #waiting = new Set<ServerResponse>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => this.#serve(request, response));
  }

  static async start(): Promise<TestConsul> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TestConsul(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param index from now on; default: the next */
  set(instances: readonly ConsulInstance[], index = this.index + 1): void {
    this.#instances = instances;
    this.index = index;
    this.answerAll();
  }

  /** Answers what waits, as Consul does when the time of a query is over. */
  answerAll(): void {
    for (const response of [...this.#waiting]) this.#answer(response);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.url);
    this.asked.push(`${url.pathname}${url.search}`);
    if (this.failing !== undefined) response.writeHead(this.failing).end("No cluster leader");
    else if (this.token !== undefined && request.headers["x-consul-token"] !== this.token)
      response.writeHead(403).end("Permission denied");
    else if (Number(url.searchParams.get("index") ?? 0) === this.index) {
      this.#waiting.add(response);
      response.on("close", () => this.#waiting.delete(response));
    } else this.#answer(response);
  }

  #answer(response: ServerResponse): void {
    this.#waiting.delete(response);
    const entries = this.#instances.map(({ id, address, port, meta = {}, weight = 1 }) => ({
      Node: { ID: "8f2b0f0e", Node: "node-1", Address: "10.1.10.12", Datacenter: "dc1", Meta: {}, CreateIndex: 5 },
      Service: {
        ...{ ID: id, Service: "stock", Tags: ["v1"], Address: address, Port: port, Meta: meta },
        ...{ Weights: { Passing: weight, Warning: 1 }, EnableTagOverride: false, CreateIndex: 10, ModifyIndex: 10 },
      },
      Checks: [{ Node: "node-1", CheckID: "serfHealth", Name: "Serf Health Status", Status: "passing", Output: "" }],
    }));
    response
      .writeHead(200, { "content-type": "application/json", "x-consul-index": String(this.index) })
      .end(JSON.stringify(entries));
  }
}
