/** An application in the test's own process that misbehaves as it is told, byte by byte. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** What it does with a request that has come whole. @param id of the request, its target without the slash */
export type AppBehaviour = (socket: Socket, id: string, method: string) => void;

/** A whole answer that keeps the connection. */
export const plain =
  (status: number, body = "ok", fields = ""): AppBehaviour =>
  (socket) => {
    socket.write(`HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };

export class RawApp {
  behave: AppBehaviour = plain(200);
  /** How often each request came whole, by `METHOD id`. */
  readonly executed = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #server: Server;
  readonly port: number;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket: Socket) => this.#serve(socket));
  }

  static async start(): Promise<RawApp> {
    return new RawApp(await listening(0));
  }

  get total(): number {
    return [...this.executed.values()].reduce((sum, one) => sum + one, 0);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Nothing listens at its port any more, and connections are broken off. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async listenAgain(): Promise<void> {
    this.#server = await listening(this.port);
    this.#server.on("connection", (socket: Socket) => this.#serve(socket));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let text = "";
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const head = text.indexOf("\r\n\r\n");
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (head < 0 || text.length < head + 4 + length) return;
      const [method = "", target = ""] = text.split(" ", 2);
      text = text.slice(head + 4 + length);
      const id = target.slice(1);
      const key = `${method} ${id}`;
      this.executed.set(key, (this.executed.get(key) ?? 0) + 1);
      this.behave(socket, id, method);
    });
  }
}

async function listening(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}
