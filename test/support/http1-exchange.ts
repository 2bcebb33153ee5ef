/** The engine's callbacks as promises, and the plainest proxy over them. */
import type {
  ClientExchange,
  ClientPool,
  RequestHead,
  ResponseHead,
  ServerEngine,
} from "../../mesh-agent/proxy/engine.ts";
import { ExchangeError } from "../../mesh-agent/proxy/engine.ts";
import { FieldList } from "../../shared/http/field-list.ts";

export function requestHead(target: string, more: Partial<RequestHead> = {}): RequestHead {
  return { method: "GET", target, fields: new FieldList(["host", "h"]), bodyLength: 0, ...more };
}

export interface Answer {
  readonly head: ResponseHead;
  readonly body: Buffer;
  readonly trailers: FieldList;
}

/** Resolves with the whole answer, rejects with the ExchangeError. */
export function answerOf(exchange: ClientExchange): Promise<Answer> {
  return new Promise((resolve, reject) => {
    exchange.onFail(reject);
    exchange.onResponse((head, body) => {
      const chunks: Buffer[] = [];
      body.onChunk((chunk) => chunks.push(chunk));
      body.onEnd((trailers) => resolve({ head, body: Buffer.concat(chunks), trailers }));
    });
  });
}

/** Sends a request without a body and waits for the answer. */
export function ask(pool: ClientPool, target: string, timeoutMs = 5_000): Promise<Answer> {
  const exchange = pool.send(requestHead(target), timeoutMs);
  exchange.body.end();
  return answerOf(exchange);
}

/** The failure of a request that must fail. */
export async function failureOf(answer: Promise<unknown>): Promise<ExchangeError> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof ExchangeError) return error;
    throw error;
  }
  throw new Error("the request did not fail");
}

/** Passes every exchange of a server to a pool, bodies streaming both ways. */
export function forward(server: ServerEngine, pool: ClientPool): void {
  server.onExchange((inbound) => {
    // Until the answer's head, which may come only after a large body.
    const { upgrade: _, ...head } = inbound.head;
    const outbound = pool.send(head, 60_000);
    inbound.body.onChunk((chunk) => {
      if (!outbound.body.write(chunk)) inbound.body.pause();
    });
    outbound.body.onDrain(() => inbound.body.resume());
    inbound.body.onEnd((trailers) => outbound.body.end(trailers));
    inbound.onFail(() => outbound.abort("the client is gone"));
    outbound.onFail(() => inbound.abort("the upstream is gone"));
    outbound.onInform((status, fields) => inbound.inform(status, fields));
    outbound.onResponse((head, body) => {
      const writer = inbound.respond(head);
      body.onChunk((chunk) => {
        if (!writer.write(chunk)) body.pause();
      });
      writer.onDrain(() => body.resume());
      body.onEnd((trailers) => writer.end(trailers));
    });
  });
}

/** Answers with a text. */
export function answerWith(server: ServerEngine, text: (target: string) => string): void {
  server.onExchange((exchange) => {
    exchange.onFail(() => undefined);
    exchange.body.onChunk(() => undefined);
    exchange.body.onEnd(() => {
      const content = Buffer.from(text(exchange.head.target));
      const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: content.length });
      writer.write(content);
      writer.end();
    });
  });
}
