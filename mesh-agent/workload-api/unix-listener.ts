/** HTTP/2 by prior knowledge on a Unix socket that its owner alone may open. */

import { chmodSync, lstatSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { limits } from "../../shared/limits.ts";
import type { ServerExchange } from "../proxy/engine.ts";
import { http2Speaker } from "../proxy/http2/server-engine.ts";
import type { ConnectionOwner, ListenerConnection } from "../proxy/listener.ts";

const speak = http2Speaker({ connect: false });

export class UnixListener implements ConnectionOwner {
  draining = false;
  readonly #server: Server;
  readonly #connections = new Set<ListenerConnection>();
  readonly #onExchange: (exchange: ServerExchange) => void;

  private constructor(onExchange: (exchange: ServerExchange) => void) {
    this.#onExchange = onExchange;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = limits.workloadApi.connectionsMax;
  }

  /** @throws with a sentence for people */
  static async open(path: string, onExchange: (exchange: ServerExchange) => void): Promise<UnixListener> {
    await removeLeftover(path);
    const listener = new UnixListener(onExchange);
    await listener.#listen(path).catch((error: Error) => {
      throw new Error(`cannot open the socket ${path}: ${error.message}`);
    });
    return listener;
  }

  #listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      // The socket is made within the call, and nobody else may open it even before its mode is set.
      const before = process.umask(0o177);
      try {
        this.#server.listen({ path }, () => {
          this.#server.off("error", reject);
          chmodSync(path, 0o600);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
  }

  #accept(socket: Socket): void {
    this.#connections.add(speak(this, socket, { address: "local", port: 0 }));
  }

  exchange(exchange: ServerExchange): void {
    this.#onExchange(exchange);
  }

  exchangeOver(): void {}

  refused(): void {}

  handedOver(from: ListenerConnection, to: ListenerConnection): void {
    this.#connections.delete(from);
    this.#connections.add(to);
  }

  connectionOver(connection: ListenerConnection): void {
    this.#connections.delete(connection);
  }

  /** What is under way has a moment to end; the socket is gone at once. */
  async close(): Promise<void> {
    this.draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.close();
    const timer = setTimeout(() => {
      for (const connection of [...this.#connections]) connection.destroy("the agent ends");
    }, limits.workloadApi.closeGraceMs);
    await closed;
    clearTimeout(timer);
  }
}

/** The socket of a process that was killed. @throws with a sentence when it is something else, or in use */
async function removeLeftover(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`cannot open the socket ${path}: there is something else`);
  if (await answers(path)) throw new Error(`cannot open the socket ${path}: another process serves it`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const told = (isThere: boolean) => (): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", told(true));
    socket.once("error", told(false));
  });
}
