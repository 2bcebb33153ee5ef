import { limits } from "../../../shared/limits.ts";
import { instanceKey } from "../../../shared/policy/agent-sessions.ts";
import { type Denied, refuseWorkload } from "../../../shared/policy/denial.ts";
import { type Connection, readAttachment } from "./connection.ts";
import { closeCodes } from "./hub-messages.ts";
import type { RenewedToken } from "./rpc.ts";

/** The sockets of a hub by their connections; found again after a sleep. */
export class AgentSockets {
  readonly #ctx: DurableObjectState;
  readonly #byId = new Map<string, WebSocket>();
  /** Connections that have not said hello. */
  readonly #silent = new Set<string>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    for (const socket of ctx.getWebSockets()) {
      const { id, greeted } = readAttachment(socket);
      this.#byId.set(id, socket);
      if (!greeted) this.#silent.add(id);
    }
  }

  /** Also such as are closing: the platform lists them until the other end has agreed. */
  has(connection: string): boolean {
    return this.#byId.has(connection);
  }

  /** How many have not said hello. */
  get silent(): number {
    return this.#silent.size;
  }

  /** Takes a new socket; others of its instance that have not said hello go. */
  accept(socket: WebSocket, connection: Connection): void {
    const key = instanceKey(connection.service, connection.instance);
    for (const waiting of this.#ctx.getWebSockets(key))
      if (!readAttachment(waiting).greeted) waiting.close(closeCodes.replaced, "replaced by a newer connection");
    this.#ctx.acceptWebSocket(socket, [key]);
    socket.serializeAttachment(connection);
    this.#byId.set(connection.id, socket);
    this.#silent.add(connection.id);
  }

  /** It has said hello; every other of its instance goes. */
  greeted(socket: WebSocket, connection: Connection): void {
    socket.serializeAttachment({ ...connection, greeted: true } satisfies Connection);
    this.#silent.delete(connection.id);
    for (const other of this.#ctx.getWebSockets(instanceKey(connection.service, connection.instance)))
      if (readAttachment(other).id !== connection.id)
        other.close(closeCodes.replaced, "replaced by a newer connection");
  }

  /** The connections of an instance last as long as its newer token. */
  goOnBy(key: string, token: RenewedToken): void {
    for (const socket of this.#ctx.getWebSockets(key)) {
      const connection = readAttachment(socket);
      if (token.expiresAtMs > connection.expiresAtMs)
        socket.serializeAttachment({ ...connection, ...token } satisfies Connection);
    }
  }

  gone({ id }: Connection): void {
    this.#byId.delete(id);
    this.#silent.delete(id);
  }

  /** A socket that is closing throws; its close event says so anyway. */
  send(connection: string, message: string): void {
    try {
      this.#byId.get(connection)?.send(message);
    } catch (error) {
      console.warn(JSON.stringify({ kind: "error", act: "push", reason: String(error) }));
    }
  }

  close(connection: string, code: number, reason: string): void {
    this.#byId.get(connection)?.close(code, reason);
  }

  /** When the agent last pinged; pings are answered without waking the hub. Milliseconds since the epoch, 0: never. */
  pingedAtMs(connection: string): number {
    const socket = this.#byId.get(connection);
    return socket === undefined ? 0 : (this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
  }

  /** Closes connections without a hello and those whose token has ended: the agent has a newer one by then. */
  cutOverdue(nowMs: number): void {
    for (const [socket, { greeted, openedAtMs, expiresAtMs, id }] of this.#open()) {
      if (nowMs >= expiresAtMs) socket.close(closeCodes.tokenExpired, "the token has expired");
      else if (!greeted && nowMs >= openedAtMs + limits.control.helloWaitMs) {
        this.#silent.delete(id);
        socket.close(closeCodes.policy, "no hello in time");
      }
    }
  }

  /** When `cutOverdue` is due; milliseconds since the epoch. */
  dueAtMs(): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const [, { greeted, openedAtMs, expiresAtMs }] of this.#open())
      atMs = Math.min(atMs, expiresAtMs, greeted ? expiresAtMs : openedAtMs + limits.control.helloWaitMs);
    return atMs;
  }

  /** Those of workloads that are denied. */
  *denied(denied: Denied): Generator<[WebSocket, Connection]> {
    for (const [socket, connection] of this.#open())
      if (refuseWorkload(denied, connection) !== undefined) yield [socket, connection];
  }

  *#open(): Generator<[WebSocket, Connection]> {
    for (const socket of this.#byId.values())
      if (socket.readyState === WebSocket.OPEN) yield [socket, readAttachment(socket)];
  }
}
