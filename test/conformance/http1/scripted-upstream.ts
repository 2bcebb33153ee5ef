/** A server that says what it is told to, to the request for a path, whatever else was asked. */
import * as net from "node:net";

export interface Script {
  readonly raw: string;
  /** The connection ends behind it. */
  readonly ends: boolean;
  /** It comes in two pieces, the first of so many bytes. */
  readonly cut: number;
}

export class ScriptedUpstream {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #scripts = new Map<string, Script>();
  #count = 0;

  private constructor() {
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
      socket.once("data", (chunk: Buffer) => this.#say(socket, chunk.toString("latin1").split(" ")[1] ?? ""));
    });
  }

  static async start(): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream();
    await new Promise<void>((resolve) => upstream.#server.listen(0, "127.0.0.1", resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** @returns the path that is answered so */
  add(script: Script): string {
    const path = `/${this.#count++}`;
    this.#scripts.set(path, script);
    return path;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #say(socket: net.Socket, path: string): void {
    const { raw, ends, cut } = this.#scripts.get(path) ?? { raw: "", ends: true, cut: 0 };
    socket.write(raw.slice(0, cut), "latin1");
    setImmediate(() => {
      socket.write(raw.slice(cut), "latin1");
      if (ends) socket.end();
    });
  }
}
