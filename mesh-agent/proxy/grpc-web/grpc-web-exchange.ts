/**
 * A request by gRPC-Web for those who know gRPC alone: messages and metadata are the same, and what gRPC says in trailers leaves
 * as the last frame of the content (PROTOCOL-WEB.md of gRPC).
 */
import { FieldList } from "../../../shared/http/field-list.ts";
import type { GrpcCall } from "../../../shared/http/grpc-answer.ts";
import { GRPC_STATUS } from "../../../shared/http/grpc-call.ts";
import type { BodyReader, BodyWriter, Peer, RequestHead, ResponseHead, ServerExchange } from "../engine.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { statusOfHttp, WithoutContent } from "./foreign-answer.ts";
import { MessageReader } from "./message-reader.ts";

export interface Faults {
  /** The request is malformed. */
  readonly onRequest: (reason: string) => void;
  /** The answer is, and has begun. */
  readonly onAnswer: (reason: string) => void;
}

export class GrpcWebExchange implements ServerExchange {
  readonly head: RequestHead;
  readonly body: BodyReader;
  readonly #client: ServerExchange;
  readonly #isText: boolean;
  readonly #faults: Faults;

  /**
   * @param client its fields become those of gRPC
   * @param body of the request, as stages before have it
   * @param call how the client speaks, which is not `grpc`
   */
  constructor(client: ServerExchange, body: BodyReader, call: GrpcCall, faults: Faults) {
    const { head } = client;
    this.#client = client;
    this.#faults = faults;
    this.#isText = call.kind === "web-text";
    this.body = new MessageReader(body, this.#isText, faults.onRequest);
    this.head = { ...head, bodyLength: head.bodyLength === 0 ? 0 : "stream" };
    const { fields } = head;
    for (const name of ["accept", "x-grpc-web"]) fields.remove(name);
    fields.set("content-type", call.contentType.replace(/^application\/grpc-web(-text)?/, "application/grpc"));
    fields.set("te", "trailers");
  }

  get peer(): Peer {
    return this.#client.peer;
  }

  inform(status: number, fields: FieldList): void {
    this.#client.inform(status, fields);
  }

  respond({ status, fields }: ResponseHead): BodyWriter {
    const type = fields.get("content-type") ?? "";
    const isGrpc = status === 200 && /^application\/grpc(?![\w-])/i.test(type);
    const form = this.#isText ? "application/grpc-web-text" : "application/grpc-web";
    fields.remove("content-encoding");
    fields.set("content-type", isGrpc ? type.replace(/^application\/grpc/i, form) : `${form}+proto`);
    const told = isGrpc ? takeStatus(fields) : statusOfHttp(status);
    const to = this.#client.respond({ status: 200, fields, bodyLength: "stream" });
    const { onAnswer: onBroken } = this.#faults;
    const writer = new AnswerWriter(to, { isText: this.#isText, told, onBroken });
    return isGrpc ? writer : new WithoutContent(writer);
  }

  abort(reason: string): void {
    this.#client.abort(reason);
  }

  idleAfter(idleMs: number): void {
    this.#client.idleAfter(idleMs);
  }

  onFail(callback: Parameters<ServerExchange["onFail"]>[0]): void {
    this.#client.onFail(callback);
  }

  onDone(callback: () => void): void {
    this.#client.onDone(callback);
  }
}

/** What a head says of HTTP, and not of the call. */
const OF_HTTP: ReadonlySet<string> = new Set([
  "allow",
  "alt-svc",
  "cache-control",
  "content-type",
  "date",
  "permissions-policy",
  "referrer-policy",
  "retry-after",
  "server",
  "set-cookie",
  "strict-transport-security",
  "vary",
  "via",
  "www-authenticate",
  "x-content-type-options",
  "x-frame-options",
]);
const OF_HTTP_PREFIXED = /^(access-control-|content-security-policy|cross-origin-|ratelimit|selvage-|x-ratelimit-)/;

/**
 * `Trailers-Only`: all metadata stands in the head, and is that of the call's end.
 * @param fields lose what is returned
 * @returns undefined: the head says nothing of the end
 */
function takeStatus(fields: FieldList): FieldList | undefined {
  if (!fields.has(GRPC_STATUS)) return undefined;
  const isMetadata = (name: string): boolean => !OF_HTTP.has(name) && !OF_HTTP_PREFIXED.test(name);
  const taken = new FieldList();
  for (const [name, value] of fields) if (isMetadata(name.toLowerCase())) taken.append(name.toLowerCase(), value);
  fields.removeWhere(isMetadata);
  return taken;
}
