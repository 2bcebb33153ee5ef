/** The request as code sees it, and as it goes on. */
import { SelvageError } from "../../../shared/errors.ts";
import { DIGESTS } from "../../../shared/http/content-kind.ts";
import { limits } from "../../../shared/limits.ts";
import { readContent } from "../upstream/read-content.ts";
import type { CodeExchange } from "./code-exchange.ts";
import type { OutgoingFields, OutgoingRequest } from "./policy.ts";

/**
 * The request with the document's edits. Its content is read when code reads it, and only then held: what nobody reads streams on.
 */
export function requestFor(exchange: CodeExchange): Request {
  const { c } = exchange;
  const { authority, query } = c.get("target");
  const { method = c.get("method"), query: edited } = c.get("reshaped") ?? {};
  const url = `${c.get("connection").scheme}://${authority}${c.get("path")}${edited?.(query) ?? query}`;
  const hasContent = method !== "GET" && method !== "HEAD" && c.get("body") !== null;
  return new Request(url, {
    method,
    headers: c.get("fields").toHeaders(),
    body: hasContent ? lazyContent(exchange) : null,
  });
}

function lazyContent(exchange: CodeExchange): ReadableStream<Uint8Array> {
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      const content = await readContent(exchange.c);
      if (content.byteLength > 0) controller.enqueue(content.slice());
      controller.close();
    } catch (cause) {
      if (cause instanceof SelvageError) exchange.bodyFault = cause;
      controller.error(cause);
    }
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}

/** What policies can change of the request that goes on. */
export function outgoingRequest(exchange: CodeExchange): OutgoingRequest {
  const { c, caller } = exchange;
  const told: unknown[] = [];
  const change = (...what: readonly unknown[]): void => {
    if (exchange.isGone) throw new Error("the request has gone on already: change it before `await next()`");
    told.push(what);
    c.set("changedByCode", true);
    const { told: before = "", ...reshaped } = c.get("reshaped") ?? {};
    // Answers that are kept are told apart by what upstreams are told.
    const base = told.length === 1 ? before : before.slice(0, before.lastIndexOf("\n"));
    c.set("reshaped", { ...reshaped, told: `${base}\n${JSON.stringify(told)}` });
  };
  return {
    headers: outgoingFields(exchange, change),
    setQuery(query) {
      const text = String(query).replace(/^\?/, "");
      if (!/^[\x21\x22\x24-\x7e]*$/.test(text)) throw new TypeError("a query is visible ASCII, without #");
      change("query", text);
      c.set("reshaped", { told: "", ...c.get("reshaped"), query: () => (text === "" ? "" : `?${text}`) });
    },
    setBody(content, contentType) {
      const { method = c.get("method") } = c.get("reshaped") ?? {};
      if (content !== null && (method === "GET" || method === "HEAD")) throw new TypeError(`${method} has no content`);
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const { heldBodyBytesMax } = limits.gateway;
      if (bytes !== null && bytes.byteLength > heldBodyBytesMax)
        throw new RangeError(`a body that code makes has at most ${heldBodyBytesMax} bytes`);
      const fault = contentType === undefined ? undefined : caller.fieldFault("content-type", contentType, []);
      if (fault !== undefined) throw new TypeError(fault);
      change("body", bytes === null ? null : new TextDecoder().decode(bytes));
      c.set("body", bytes);
      const fields = c.get("fields");
      for (const name of ["content-length", "content-encoding", ...DIGESTS]) fields.delete(name);
      if (bytes === null) fields.delete("content-type");
      else if (contentType !== undefined) fields.set("content-type", contentType);
    },
  };
}

type Change = (...what: readonly unknown[]) => void;

function outgoingFields({ c, caller }: CodeExchange, change: Change): OutgoingFields {
  const { believed } = c.get("held");
  const fields = c.get("fields");
  const edit = (how: string, name: string, value?: string): void => {
    const fault = caller.fieldFault(name, value, believed);
    if (fault !== undefined) throw new TypeError(fault);
    change(how, name.toLowerCase(), value);
  };
  return {
    get: (name) => fields.get(name),
    has: (name) => fields.has(name),
    set(name, value) {
      edit("set", name, String(value));
      fields.set(name, String(value));
    },
    append(name, value) {
      edit("append", name, String(value));
      fields.append(name, String(value));
    },
    delete(name) {
      edit("delete", name);
      fields.delete(name);
    },
    [Symbol.iterator]: () => fields[Symbol.iterator](),
  };
}
