/** The network between two agents: passes bytes on, and fails in the ways that networks do. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Relay {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #to: number;
  readonly port: number;
  #server: Server;
  /** New connections are accepted and go nowhere, as behind a firewall that drops. */
  isSilent = false;

  private constructor(server: Server, to: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#to = to;
    server.on("connection", (socket: Socket) => this.#join(socket));
  }

  static async start(to: number, host = "127.0.0.1"): Promise<Relay> {
    return new Relay(await listening(0, host), to);
  }

  /** After `close`: the same port, perhaps at another address of this machine. */
  async listenAgain(host = "127.0.0.1"): Promise<void> {
    this.#server = await listening(this.port, host);
    this.#server.on("connection", (socket: Socket) => this.#join(socket));
  }

  /** Every connection is reset, on both sides. */
  reset(): void {
    for (const [one, other] of this.#pairs) {
      one.resetAndDestroy();
      other.resetAndDestroy();
    }
  }

  /** Nothing comes through any more, and nobody is told: as when a machine loses its power. */
  vanish(): void {
    this.isSilent = true;
    for (const [one, other] of this.#pairs) {
      one.pause();
      other.pause();
    }
  }

  /** It is there again, and knows nothing of earlier connections. */
  appear(): void {
    this.isSilent = false;
    this.#end();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#end();
    await closed;
  }

  #end(): void {
    for (const [one, other] of this.#pairs) {
      one.destroy();
      other.destroy();
    }
  }

  #join(one: Socket): void {
    const other = connect(this.#to, "127.0.0.1");
    const pair = [one, other] as const;
    this.#pairs.add(pair);
    if (this.isSilent) one.pause();
    else this.#pass(one, other);
    this.#pass(other, one);
    other.on("close", () => this.#pairs.delete(pair));
  }

  #pass(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (!this.isSilent) from.resume();
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

async function listening(port: number, host: string): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return server;
}
