/** Connections whose bytes are nobody's business but their ends': each is one CONNECT for the stack. */
import type { Socket } from "node:net";
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import { type BodyWriter, ExchangeError, type Peer, type ResponseHead, type ServerExchange } from "../engine.ts";
import { type ConnectionOwner, Listener, type ListenerConnection, type ListenerOptions } from "../listener.ts";
import { SocketStream } from "../socket-stream.ts";

const nothing = (): void => undefined;

class TcpConnection implements ListenerConnection, ServerExchange {
  readonly head;
  readonly body: SocketStream;
  readonly peer: Peer;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  #dead = false;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  #doneCallback: (() => void) | undefined;

  constructor(owner: ConnectionOwner, socket: Socket, peer: Peer, target: string) {
    this.#owner = owner;
    this.#socket = socket;
    this.peer = peer;
    this.head = {
      method: "CONNECT",
      target,
      fields: FieldList.from([["host", target]]),
      bodyLength: "stream",
    } as const;
    this.body = new SocketStream(socket);
    socket.on("error", nothing);
    socket.on("close", () => this.#onClose());
  }

  inform(): void {}

  /** Who passes its bytes on watches them. */
  idleAfter(): void {}

  /** 2xx; whoever cannot open the other end aborts instead. */
  respond({ status }: ResponseHead): BodyWriter {
    if (status < 200 || status > 299) throw new RangeError(`${status} cannot be told to a client that speaks no HTTP`);
    return this.body;
  }

  abort(): void {
    if (!this.#kill()) return;
    this.body.abort();
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
  }

  onDone(callback: () => void): void {
    this.#doneCallback = callback;
  }

  /** @returns false: it was over before */
  #kill(): boolean {
    if (this.#dead) return false;
    this.#dead = true;
    this.#owner.exchangeOver();
    return true;
  }

  #fail(reason: string): void {
    if (this.#kill()) this.#failCallback?.(new ExchangeError("reset", "none", reason));
  }

  #onClose(): void {
    if (!this.body.isOver) this.#fail("the client broke the connection off");
    else if (this.#kill()) this.#doneCallback?.();
    this.#owner.connectionOver(this);
  }

  // --- for the listener ---

  drain(): void {}

  /** It is in the middle of its only exchange. */
  close(): void {}

  destroy(reason: string): void {
    this.#fail(reason);
    this.#socket.destroy();
  }
}

export interface TcpServerOptions extends ListenerOptions {
  /** What each connection is for, `host:port`. */
  readonly target: string;
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createTcpServer(options: TcpServerOptions): Promise<Listener> {
  const { inboundConnectionsMax } = limits.agent;
  const listener = new Listener(options, [], inboundConnectionsMax, (owner, socket, peer) => {
    const connection = new TcpConnection(owner, socket, peer, options.target);
    owner.exchange(connection);
    return connection;
  });
  await listener.listen();
  return listener;
}
