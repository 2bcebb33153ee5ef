/**
 * Connections to an endpoint without an agent of this mesh before it: nothing that Selvage says among its own leaves with a request, and
 * nothing of an answer is believed that only an agent can say.
 */
import type { FieldList } from "../../shared/http/field-list.ts";
import { POLICY_PREFIX, TXN_TOKEN } from "../../shared/http/header-names.ts";
import type { BodyReader, BodyWriter, ClientExchange, ClientPool, RequestHead, ResponseHead } from "./engine.ts";

/** @param host what requests name as their host; absent: as they do */
export function createOutsidePool(pool: ClientPool, host: string | undefined): ClientPool {
  return {
    send: (head, timeoutMs, fresh) => new OutsideExchange(pool.send(withoutOurs(head, host), timeoutMs, fresh)),
    warm: () => pool.warm?.(),
    counts: () => pool.counts(),
    close: () => pool.close(),
  };
}

function withoutOurs(head: RequestHead, host: string | undefined): RequestHead {
  const fields = head.fields.clone();
  fields.removePrefixed(POLICY_PREFIX);
  fields.remove(TXN_TOKEN);
  if (host !== undefined && head.method !== "CONNECT") fields.set("host", host);
  return { ...head, fields };
}

class OutsideExchange implements ClientExchange {
  readonly #exchange: ClientExchange;

  constructor(exchange: ClientExchange) {
    this.#exchange = exchange;
  }

  get body(): BodyWriter {
    return this.#exchange.body;
  }

  get sent() {
    return this.#exchange.sent;
  }

  onInform(callback: (status: number, fields: FieldList) => void): void {
    this.#exchange.onInform((status, fields) => {
      fields.removePrefixed(POLICY_PREFIX);
      callback(status, fields);
    });
  }

  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void {
    this.#exchange.onResponse((head, body) => {
      head.fields.removePrefixed(POLICY_PREFIX);
      callback(head, body);
    });
  }

  onFail(callback: Parameters<ClientExchange["onFail"]>[0]): void {
    this.#exchange.onFail(callback);
  }

  idleAfter(idleMs: number): void {
    this.#exchange.idleAfter(idleMs);
  }

  abort(reason: string): void {
    this.#exchange.abort(reason);
  }
}
