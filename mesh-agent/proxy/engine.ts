/**
 * What the stacks know of a protocol engine. An engine turns sockets into exchanges and back; it knows no policy.
 * Callbacks, not promises or streams: a chunk costs no allocation beyond itself, and back-pressure is `pause`/`resume`.
 *
 * Rules that hold for every engine:
 * - Heads arrive validated and complete (`limits.http`); framing fields (`content-length`, `transfer-encoding`, `connection`
 *   and what it names) are the engine's: it strips them from heads that it hands up, and writes its own on heads that it sends.
 *   `bodyLength` carries what they meant.
 * - A callback that is set late gets what was missed: an engine reads nothing of a body before `onChunk` is set.
 *   None is called from within the call that sets it.
 * - `Expect: 100-continue` is the engine's: it asks for the body when `onChunk` is set, and strips the field.
 * - After `onFail` or `abort` no further callback of that exchange is called.
 * - A tunnel is a request with `upgrade` that is answered by 101, or CONNECT answered by 2xx. From then on the two bodies are what
 *   both sides say, each ended apart: of a server's exchange `body` and what `respond` gives, of a client's the reader of
 *   `onResponse` and `body`. An engine sets a tunnel no time. Any other answer is an ordinary one.
 */
import type { Sent } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";

export interface RequestHead {
  readonly method: string;
  /** As sent: origin-form (`/a?b`), on a proxy listener also absolute-form (`http://orders.mesh/a?b`), `*`, or `host:port` of CONNECT. */
  readonly target: string;
  readonly fields: FieldList;
  /** Bytes of the body; 0: none; "stream": unknown until its end. */
  readonly bodyLength: number | "stream";
  /** Protocols that the client would change to, in lower case, comma separated (RFC 9110 section 7.8). Then there is no body. */
  readonly upgrade?: string;
}

export interface ResponseHead {
  readonly status: number;
  readonly fields: FieldList;
  /** Of 101: the protocol that was changed to. */
  readonly upgrade?: string;
  /** As for requests. For HEAD and 304: what it would be for GET, as far as it is known; no body comes or goes. */
  readonly bodyLength: number | "stream";
}

/** A body on its way in. */
export interface BodyReader {
  onChunk(callback: (chunk: Buffer) => void): void;
  /** Called once, after the last chunk. Trailers are empty for most. */
  onEnd(callback: (trailers: FieldList) => void): void;
  pause(): void;
  resume(): void;
}

/** A body on its way out. */
export interface BodyWriter {
  /** False: the peer is behind; wait for `onDrain`. The chunk is owned by the engine from now on. */
  write(chunk: Buffer): boolean;
  onDrain(callback: () => void): void;
  /** Always called once, also for an empty body; the message leaves with it. */
  end(trailers?: FieldList): void;
}

export type FailReason =
  /** The connection could not be made. */
  | "connect"
  /** No connection or head within the time given. */
  | "timeout"
  /** The peer broke the connection off. */
  | "reset"
  /** The peer does not speak the protocol. */
  | "protocol"
  /** TLS: the peer is not whom we expect. */
  | "identity"
  /** The engine is shutting down or its limit of waiting requests is reached, or the peer has proven that it did not look at it. */
  | "refused";

export class ExchangeError extends Error {
  readonly kind: FailReason;
  /** What of the request had left. `none` only when certainly nobody has looked at it (RFC 9113 section 8.7). */
  readonly sent: Sent;
  /** It went over a connection that had been idle, and that ended before any of the answer: most likely the peer had closed it. */
  readonly isStale: boolean;
  constructor(kind: FailReason, sent: Sent, message: string, cause?: unknown, isStale = false) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ExchangeError";
    this.kind = kind;
    this.sent = sent;
    this.isStale = isStale;
  }
}

export interface Peer {
  readonly address: string;
  readonly port: number;
  /** SPIFFE ID proven by the client certificate; absent on plain listeners. */
  readonly spiffeId?: string;
}

/** One request that came in, and the way to answer it. */
export interface ServerExchange {
  readonly head: RequestHead;
  /** Another one once there is a tunnel. */
  readonly body: BodyReader;
  readonly peer: Peer;
  /** An interim answer (100, 103); ignored when the peer cannot take one. */
  inform(status: number, fields: FieldList): void;
  /** The final answer's head; its body follows. Called at most once. A body of "stream" is framed as the protocol can. */
  respond(head: ResponseHead): BodyWriter;
  /** Breaks the exchange off so that the peer notices; on HTTP/1.1 that ends the connection, on HTTP/2 the stream. */
  abort(reason: string): void;
  /** How long its bodies may stand still from now on though the peer could move them; Infinity: for ever. Default: the engine's. */
  idleAfter(idleMs: number): void;
  /** The peer went away or broke the protocol before the exchange was over. */
  onFail(callback: (error: ExchangeError) => void): void;
  /** Both bodies are over and the answer is handed to the kernel. */
  onDone(callback: () => void): void;
}

export interface ServerEngine {
  /** Called for each request. `connect` targets of a proxy listener never reach it: the engine answers 200 and reads on. */
  onExchange(callback: (exchange: ServerExchange) => void): void;
  /** Drain: peers are told to go elsewhere, by `Connection: close` in answers, or by GOAWAY, after which connections end by themselves. */
  drain(): void;
  /** Open connections and exchanges in flight. */
  counts(): { readonly connections: number; readonly exchanges: number };
  /** Stops listening, closes idle connections at once, breaks off the rest after `graceMs`. */
  close(graceMs: number): Promise<void>;
  readonly port: number;
}

/** One request on its way out. */
export interface ClientExchange {
  /** Another one once there is a tunnel. */
  readonly body: BodyWriter;
  /** What of the request is out. */
  readonly sent: Sent;
  onInform(callback: (status: number, fields: FieldList) => void): void;
  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void;
  onFail(callback: (error: ExchangeError) => void): void;
  /** As of a request that came in: how long its bodies may stand still, from its answer's head on. */
  idleAfter(idleMs: number): void;
  abort(reason: string): void;
}

/** Connections to one endpoint (address and, with TLS, expected identity). */
export interface ClientPool {
  /**
   * Takes a connection that has room, opens one, or waits while the bound is reached.
   * @param timeoutMs until the answer's head; Infinity: for ever
   * @param fresh over HTTP/1.1 only by a connection that nobody has used: its peer cannot have closed it as unused
   */
  send(head: RequestHead, timeoutMs: number, fresh?: boolean): ClientExchange;
  /** Makes a connection ahead where there is none. */
  warm?(): void;
  counts(): { readonly open: number; readonly idle: number; readonly waiting: number; readonly active: number };
  /** Idle connections end now, busy ones after their exchange. Nothing new is accepted. */
  close(): void;
}
