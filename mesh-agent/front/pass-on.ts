/** One request on its way to the gateway and its answer back, with what the gateway is to know of the client's connection. */
import { type ErrorCode, SelvageError, toProblem } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { STREAM } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import { chooseUpgrade, UPGRADES_DEFAULT } from "../../shared/policy/upgrade.ts";
import type { FrontFields } from "../../shared/wire/front-fields.ts";
import { parseStreamBounds, type StreamBounds } from "../../shared/wire/stream-bounds.ts";
import type {
  BodyReader,
  BodyWriter,
  ClientExchange,
  ClientPool,
  ExchangeError,
  FailReason,
  RequestHead,
  ResponseHead,
  ServerExchange,
} from "../proxy/engine.ts";
import { grpcCallBy } from "../proxy/grpc-answer.ts";
import { GrpcExchange } from "../proxy/grpc-web/grpc-exchange.ts";
import { pumpBody } from "../proxy/pump-body.ts";
import { pathOf } from "../telemetry/path-of.ts";
import { BodyPace } from "./body-pace.ts";
import { type OpenWebSocket, type WebSockets, webSocketRequest, withoutAccept } from "./web-sockets.ts";

export interface PassOnContext {
  /** Connections to the gateway. */
  readonly gateway: ClientPool;
  readonly fields: FrontFields;
  readonly webSockets: WebSockets;
  /** A request that the front had to answer by itself. */
  readonly onFailed: (code: ErrorCode, reason: string, address: string) => void;
  /** An answer that the gateway, or who was behind it, broke off in the middle. */
  readonly onBroken: (broken: BrokenAnswer) => void;
  /** Default `limits.front.paceWindowMs`. */
  readonly paceWindowMs?: number;
}

export interface BrokenAnswer {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly address: string;
  readonly method: string;
  readonly host: string;
  /** Without query. */
  readonly path: string;
}

const CODES: Record<FailReason, ErrorCode> = {
  connect: "gateway_unreachable",
  refused: "gateway_unreachable",
  identity: "gateway_unreachable",
  reset: "upstream_reset",
  protocol: "upstream_invalid",
  timeout: "upstream_timeout",
};
const RETRY_AFTER_S = 1;
/** Of RFC 9110 section 9.2.1, those that a gateway serves. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** What is known of a client's connection. */
export interface ClientFacts {
  /** As `connectionText` has it. */
  readonly text: string;
  readonly isHttp2: boolean;
}

export function passOn(
  context: PassOnContext,
  received: ServerExchange,
  { text, isHttp2 }: ClientFacts,
  scheme: "http" | "https",
): void {
  const exchange = withoutTrailers(context, received);
  const { method, target, fields, upgrade } = exchange.head;
  if (target === "*") {
    // RFC 9110 section 9.3.7: of the server as a whole; there is nothing to tell.
    exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 0 }).end();
    return;
  }
  if (!fields.has("host")) {
    answer(exchange, new SelvageError("bad_request", "HTTP/1.0 without Host"), context);
    return;
  }
  const isWebSocket = upgrade !== undefined && chooseUpgrade(upgrade, UPGRADES_DEFAULT) !== undefined;
  const refusal = refuseTunnel(exchange.head, isWebSocket, isHttp2, context.webSockets);
  if (refusal !== undefined) {
    answer(exchange, refusal, context);
    return;
  }
  state(fields, context.fields.connection, text);
  state(fields, context.fields.scheme, scheme);
  const head = isWebSocket
    ? webSocketRequest(exchange.head, isHttp2)
    : { method, target, fields, bodyLength: exchange.head.bodyLength };
  new Passage(context, exchange, head, isHttp2).send();
}

/** The gateway's platform carries no trailers, by which calls of gRPC end: those go on as gRPC-Web. */
function withoutTrailers(context: PassOnContext, exchange: ServerExchange): ServerExchange {
  const call = grpcCallBy(exchange.head);
  if (call?.kind !== "grpc") return exchange;
  exchange.idleAfter(limits.front.callIdleMs);
  return new GrpcExchange(exchange, call, (reason) => tellBroken(context, exchange, "upstream_invalid", reason));
}

function tellBroken(
  { onBroken }: PassOnContext,
  { head, peer }: ServerExchange,
  code: ErrorCode,
  reason: string,
): void {
  const { method, target, fields } = head;
  onBroken({ code, reason, address: peer.address, method, host: fields.get("host") ?? "", path: pathOf(target) });
}

/** Over HTTP/2 every request for another protocol is one for a tunnel; over HTTP/1.1 an offer can be passed over. */
function refuseTunnel(
  { method, upgrade }: RequestHead,
  isWebSocket: boolean,
  isHttp2: boolean,
  webSockets: WebSockets,
): SelvageError | undefined {
  if (method === "CONNECT") return new SelvageError("not_implemented", "CONNECT is not served here");
  if (upgrade === undefined) return undefined;
  if (isHttp2 && !isWebSocket)
    return new SelvageError("not_implemented", `no tunnel for ${upgrade.slice(0, 100)}: WebSocket alone is passed on`);
  const full = isWebSocket ? webSockets.fullness() : undefined;
  return full === undefined ? undefined : new SelvageError("overloaded", full);
}

/** Most requests have no such field, and appending is cheaper than looking twice. */
function state(fields: FieldList, name: string, value: string): void {
  if (fields.has(name)) fields.remove(name);
  fields.append(name, value);
}

function answer(exchange: ServerExchange, error: SelvageError, { onFailed }: PassOnContext): void {
  onFailed(error.code, error.reason, exchange.peer.address);
  const content = Buffer.from(JSON.stringify(toProblem(error)));
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  if (error.facts.status === 503) fields.append("retry-after", String(RETRY_AFTER_S));
  const writer = exchange.respond({ status: error.facts.status, fields, bodyLength: content.length });
  writer.write(content);
  writer.end();
}

class Passage {
  readonly #context: PassOnContext;
  readonly #client: ServerExchange;
  readonly #head: RequestHead;
  #upstream: ClientExchange | undefined;
  readonly #isHttp2: boolean;
  #pace: BodyPace | undefined;
  #stopWatch: (() => void) | undefined;
  #webSocket: OpenWebSocket | undefined;
  #hasAnswered = false;
  #again: boolean;

  constructor(context: PassOnContext, client: ServerExchange, head: RequestHead, isHttp2: boolean) {
    this.#context = context;
    this.#client = client;
    this.#head = head;
    this.#isHttp2 = isHttp2;
    this.#again = head.bodyLength === 0;
    client.onFail(({ message }) => this.#end(message));
    client.onDone(() => this.#done());
  }

  send(): void {
    const upstream = this.#context.gateway.send(this.#head, limits.front.answerMs);
    this.#upstream = upstream;
    upstream.onInform((status, fields) => this.#client.inform(status, fields));
    upstream.onFail((error) => this.#failed(error));
    upstream.onResponse((head, body) => this.#answered(upstream, head, body));
    if (this.#head.bodyLength === 0) upstream.body.end();
    else this.#sendBody(upstream.body);
  }

  #answered(upstream: ClientExchange, head: ResponseHead, body: BodyReader): void {
    const told = head.fields.get(STREAM);
    const bounds = told === undefined ? undefined : parseStreamBounds(told);
    if (told !== undefined) head.fields.remove(STREAM);
    if (head.status === 101) this.#switch(upstream, head, body, bounds);
    else if (this.#head.upgrade !== undefined && this.#isHttp2 && head.status < 300) {
      // To this client it would be the beginning of a tunnel (RFC 8441 section 5).
      upstream.abort("no change of protocol");
      answer(this.#client, new SelvageError("upstream_invalid", "an answer that is no WebSocket"), this.#context);
    } else {
      this.#hasAnswered = true;
      const writer = this.#client.respond(head);
      if (bounds?.idleMs === undefined || bounds.idleMs === 0) pump(body, writer);
      else this.#pumpWatched(body, writer, bounds.idleMs);
    }
  }

  #pumpWatched(body: BodyReader, writer: BodyWriter, idleMs: number): void {
    const onIdle = (): void => {
      const reason = `the answer stood still for ${idleMs / 1000} s`;
      this.#upstream?.abort(reason);
      this.#tellBroken("upstream_timeout", reason);
      this.#client.abort(reason);
    };
    const watched = pumpBody(body, writer, { idleMs, onIdle });
    this.#stopWatch = () => watched.stop();
  }

  #switch(upstream: ClientExchange, head: ResponseHead, reader: BodyReader, bounds: StreamBounds | undefined): void {
    const { webSockets } = this.#context;
    // Others that were asked for at the same time may have become some since.
    const full = webSockets.fullness(bounds);
    if (full !== undefined) {
      upstream.abort(full);
      answer(this.#client, new SelvageError("overloaded", full), this.#context);
      return;
    }
    this.#hasAnswered = true;
    const far = { reader, writer: upstream.body, abort: (reason: string) => upstream.abort(reason) };
    const webSocket = webSockets.begin(this.#client, far, bounds, (reason) => {
      webSocket.end(reason);
      this.#client.abort(reason);
    });
    this.#webSocket = webSocket;
    const fields = this.#isHttp2 ? withoutAccept(head.fields) : head.fields;
    const writer = this.#client.respond({ ...head, fields });
    webSocket.join({ reader: this.#client.body, writer });
  }

  #sendBody(to: BodyWriter): void {
    const { bodyLength } = this.#head;
    if (bodyLength !== "stream") this.#pace = new BodyPace(() => this.#tooSlow(), this.#context.paceWindowMs);
    // Without trailers, which a Worker cannot read.
    pump(this.#client.body, to, { pace: this.#pace, trailers: false });
  }

  #tooSlow(): void {
    this.#upstream?.abort("the client is too slow");
    if (this.#hasAnswered) this.#client.abort("the body comes too slowly");
    else answer(this.#client, new SelvageError("request_timeout", "the body comes too slowly"), this.#context);
  }

  #failed(error: ExchangeError): void {
    this.#pace?.stop();
    this.#stopWatch?.();
    if (this.#hasAnswered) {
      const reason = `the gateway broke its answer off: ${error.message}`;
      if (this.#webSocket === undefined) this.#tellBroken("upstream_reset", reason);
      else this.#webSocket.end(reason);
      this.#client.abort(reason);
      return;
    }
    // The gateway closed an idle connection in this moment, or has just been started again.
    const isSafe = SAFE.has(this.#head.method) && this.#head.upgrade === undefined;
    const unseen = error.sent === "none" || isSafe;
    if (this.#again && error.kind === "reset" && unseen) {
      this.#again = false;
      this.send();
    } else answer(this.#client, new SelvageError(CODES[error.kind], `the gateway: ${error.message}`), this.#context);
  }

  #tellBroken(code: ErrorCode, reason: string): void {
    tellBroken(this.#context, this.#client, code, reason);
  }

  #done(): void {
    this.#pace?.stop();
    this.#stopWatch?.();
    this.#webSocket?.end();
  }

  #end(why: string): void {
    this.#pace?.stop();
    this.#stopWatch?.();
    if (this.#webSocket === undefined) this.#upstream?.abort("the client left");
    else this.#webSocket.end(`the client left: ${why}`);
  }
}

interface PumpOptions {
  readonly pace?: BodyPace | undefined;
  readonly trailers?: boolean;
}

/** Passes a body on at the pace of its receiver. That nothing moves is the business of the engine and of the gateway. */
function pump(from: BodyReader, to: BodyWriter, { pace, trailers = true }: PumpOptions = {}): void {
  to.onDrain(() => {
    pace?.release();
    from.resume();
  });
  from.onEnd((section) => {
    pace?.stop();
    to.end(trailers ? section : undefined);
  });
  from.onChunk((chunk) => {
    pace?.took(chunk.length);
    if (to.write(chunk)) return;
    pace?.hold();
    from.pause();
  });
}
