/** The WebSockets of a front: passed on as bytes, bounded, and told of when they are over. */
import { randomBytes } from "node:crypto";
import { type CloseReading, newCloseReading, readForClose } from "../../shared/http/close-frame.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { TRACEPARENT } from "../../shared/http/header-names.ts";
import { childContext, formatTraceparent, parseTraceparent } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import type { StreamBounds } from "../../shared/wire/stream-bounds.ts";
import type { RequestHead, ServerExchange } from "../proxy/engine.ts";
import { type FarEnd, Tunnel, type TunnelEnd } from "../proxy/tunnel.ts";
import { pathOf } from "../telemetry/path-of.ts";

/** One WebSocket that is over, for a line of the log. */
export interface WebSocketEnd {
  /** RFC 3339 in UTC, when it was opened. */
  readonly time: string;
  readonly kind: "websocket";
  readonly traceId: string;
  readonly address: string;
  readonly host: string;
  /** Without query. */
  readonly path: string;
  readonly durationMs: number;
  /** From the client, and to it, frames and all. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of the first Close frame (RFC 6455 section 7.1.5); 1005: it had none, 1006: there was no such frame. */
  readonly closeCode: number;
  readonly closedBy?: "client" | "upstream";
  /** Why it was broken off. */
  readonly reason?: string;
}

const KEY_BYTES = 16;
const TRACE_BYTES = 24;
const NO_FRAME = 1006;

/** The request for one as the gateway gets it: with a trace that its end can be told by, and over HTTP/2 the key that RFC 8441 does without. */
export function webSocketRequest({ method, target, fields }: RequestHead, isHttp2: boolean): RequestHead {
  if (parseTraceparent(fields.get(TRACEPARENT)) === undefined)
    fields.set(TRACEPARENT, formatTraceparent(childContext(undefined, randomBytes(TRACE_BYTES))));
  if (isHttp2) fields.set("sec-websocket-key", randomBytes(KEY_BYTES).toString("base64"));
  return { method, target, fields, bodyLength: 0, upgrade: "websocket" };
}

/** The gateway's answer to it, as a client over HTTP/2 gets it (RFC 8441 section 5.1). */
export function withoutAccept(fields: FieldList): FieldList {
  fields.remove("sec-websocket-accept");
  return fields;
}

export class WebSockets {
  readonly #onEnd: (end: WebSocketEnd) => void;
  readonly #byRoute = new Map<string, number>();
  open = 0;
  total = 0;
  bytesIn = 0;
  bytesOut = 0;

  constructor(onEnd: (end: WebSocketEnd) => void) {
    this.#onEnd = onEnd;
  }

  /**
   * Why there is no room for another one.
   * @param bounds what the gateway said of it; absent: nothing, or nothing yet
   * @returns undefined: there is
   */
  fullness(bounds?: StreamBounds): string | undefined {
    const { tunnelsMax } = limits.front;
    if (this.open >= tunnelsMax) return `there are ${tunnelsMax} WebSockets already`;
    const { route = "", upgradedMax = tunnelsMax } = bounds ?? {};
    if ((this.#byRoute.get(route) ?? 0) < upgradedMax) return undefined;
    return `the route ${route} has ${upgradedMax} WebSockets already (maxConnections)`;
  }

  /**
   * @param far the gateway's end
   * @param bounds what the gateway said of it
   * @param onIdle nothing moved for too long
   */
  begin(
    exchange: ServerExchange,
    far: FarEnd,
    bounds: StreamBounds | undefined,
    onIdle: (reason: string) => void,
  ): OpenWebSocket {
    const route = bounds?.route;
    this.open++;
    this.total++;
    if (route !== undefined) this.#byRoute.set(route, (this.#byRoute.get(route) ?? 0) + 1);
    const onEnd = (end: WebSocketEnd): void => {
      this.open--;
      this.bytesIn += end.bytesIn;
      this.bytesOut += end.bytesOut;
      if (route !== undefined) this.#leave(route);
      this.#onEnd(end);
    };
    return new OpenWebSocket(exchange, far, { idleMs: bounds?.idleMs ?? limits.front.tunnelIdleMs, onIdle, onEnd });
  }

  #leave(route: string): void {
    const left = (this.#byRoute.get(route) ?? 1) - 1;
    if (left > 0) this.#byRoute.set(route, left);
    else this.#byRoute.delete(route);
  }
}

interface WebSocketWatch {
  /** 0: for ever. */
  readonly idleMs: number;
  readonly onIdle: (reason: string) => void;
  readonly onEnd: (end: WebSocketEnd) => void;
}

export class OpenWebSocket {
  readonly #exchange: ServerExchange;
  readonly #far: FarEnd;
  readonly #tunnel: Tunnel;
  readonly #onEnd: (end: WebSocketEnd) => void;
  readonly #beganAtMs = Date.now();
  readonly #bytes = { in: 0, out: 0 };
  readonly #reading: { readonly in: CloseReading; readonly out: CloseReading };
  #closedBy: "client" | "upstream" | undefined;
  #isOver = false;

  constructor(exchange: ServerExchange, far: FarEnd, { idleMs, onIdle, onEnd }: WebSocketWatch) {
    this.#exchange = exchange;
    this.#far = far;
    this.#onEnd = onEnd;
    this.#reading = { in: newCloseReading(), out: newCloseReading() };
    this.#tunnel = new Tunnel({
      idleMs,
      onIdle: () => onIdle(`nothing moved for ${idleMs / 1000} s`),
      passed: (direction, chunk) => this.#passed(direction, chunk),
    });
  }

  join(near: TunnelEnd): void {
    this.#tunnel.join(near, this.#far);
  }

  #passed(direction: "in" | "out", chunk: Buffer): void {
    this.#bytes[direction] += chunk.length;
    const reading = this.#reading[direction];
    readForClose(reading, chunk);
    if (reading.code !== undefined) this.#closedBy ??= direction === "in" ? "client" : "upstream";
  }

  /** It is over, in order or not; nothing happens the second time. @param reason why it was broken off */
  end(reason?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const isBroken = this.#tunnel.stop();
    if (isBroken) this.#far.abort(reason ?? "the client left");
    const { fields, target } = this.#exchange.head;
    const closedBy = this.#closedBy;
    const code = closedBy === undefined ? undefined : this.#reading[closedBy === "client" ? "in" : "out"].code;
    this.#onEnd({
      time: new Date(this.#beganAtMs).toISOString(),
      kind: "websocket",
      traceId: parseTraceparent(fields.get(TRACEPARENT))?.traceId ?? "",
      address: this.#exchange.peer.address,
      host: fields.get("host") ?? "",
      path: pathOf(target),
      durationMs: Date.now() - this.#beganAtMs,
      bytesIn: this.#bytes.in,
      bytesOut: this.#bytes.out,
      closeCode: code ?? NO_FRAME,
      ...(closedBy !== undefined && { closedBy }),
      ...(isBroken && reason !== undefined && { reason }),
    });
  }
}
