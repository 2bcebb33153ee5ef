/** One request on its way to the gateway and its answer back, with what the gateway is to know of the client's connection. */
import { type ErrorCode, SelvageError, toProblem } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import { chooseUpgrade } from "../../shared/policy/upgrade.ts";
import type { FrontFields } from "../../shared/wire/front-fields.ts";
import type {
  BodyReader,
  BodyWriter,
  ClientExchange,
  ClientPool,
  ExchangeError,
  FailReason,
  RequestHead,
  ServerExchange,
} from "../proxy/engine.ts";
import { BodyPace } from "./body-pace.ts";

export interface PassOnContext {
  /** Connections to the gateway. */
  readonly gateway: ClientPool;
  readonly fields: FrontFields;
  /** A request that the front had to answer by itself. */
  readonly onFailed: (code: ErrorCode, reason: string, address: string) => void;
  /** Default `limits.front.paceWindowMs`. */
  readonly paceWindowMs?: number;
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

/** @param connection of the client, as `connectionText` has it */
export function passOn(
  context: PassOnContext,
  exchange: ServerExchange,
  connection: string,
  scheme: "http" | "https",
): void {
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
  if (upgrade !== undefined && chooseUpgrade(upgrade, []) === "refused") {
    answer(exchange, new SelvageError("not_implemented", "the gateway takes no WebSocket yet"), context);
    return;
  }
  state(fields, context.fields.connection, connection);
  state(fields, context.fields.scheme, scheme);
  new Passage(context, exchange, { method, target, fields, bodyLength: exchange.head.bodyLength }).send();
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
  #pace: BodyPace | undefined;
  #hasAnswered = false;
  #again: boolean;

  constructor(context: PassOnContext, client: ServerExchange, head: RequestHead) {
    this.#context = context;
    this.#client = client;
    this.#head = head;
    this.#again = head.bodyLength === 0;
    client.onFail(() => this.#end());
    client.onDone(() => this.#pace?.stop());
  }

  send(): void {
    const upstream = this.#context.gateway.send(this.#head, limits.front.answerMs);
    this.#upstream = upstream;
    upstream.onInform((status, fields) => this.#client.inform(status, fields));
    upstream.onFail((error) => this.#failed(error));
    upstream.onResponse((head, body) => {
      this.#hasAnswered = true;
      pump(body, this.#client.respond(head));
    });
    if (this.#head.bodyLength === 0) upstream.body.end();
    else this.#sendBody(upstream.body);
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
    if (this.#hasAnswered) {
      this.#client.abort(`the gateway broke its answer off: ${error.message}`);
      return;
    }
    // The gateway closed an idle connection in this moment, or has just been started again.
    const unseen = error.sent === "none" || SAFE.has(this.#head.method);
    if (this.#again && error.kind === "reset" && unseen) {
      this.#again = false;
      this.send();
    } else answer(this.#client, new SelvageError(CODES[error.kind], `the gateway: ${error.message}`), this.#context);
  }

  #end(): void {
    this.#pace?.stop();
    this.#upstream?.abort("the client left");
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
