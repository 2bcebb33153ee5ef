/**
 * A request by gRPC for those who know no trailers: it goes on as gRPC-Web, and the last frame of the answer becomes its trailers.
 */
import { FieldList } from "../../../shared/http/field-list.ts";
import type { GrpcCall } from "../../../shared/http/grpc-answer.ts";
import { GRPC_STATUS } from "../../../shared/http/grpc-call.ts";
import { frameFault, newFrames, parseTrailersFrame, stepFrames } from "../../../shared/http/grpc-frames.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type BodyReader,
  type BodyWriter,
  ExchangeError,
  type Peer,
  type RequestHead,
  type ResponseHead,
  type ServerExchange,
} from "../engine.ts";
import { isCritical } from "../http1/field-scanner.ts";
import { noStatus, statusOfHttp, WithoutContent } from "./foreign-answer.ts";

export class GrpcExchange implements ServerExchange {
  readonly head: RequestHead;
  readonly #client: ServerExchange;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  readonly #onBroken: (reason: string) => void;

  /**
   * @param client its fields become those of gRPC-Web
   * @param call how the client speaks, which is `grpc`
   * @param onBroken told why an answer had to be broken off
   */
  constructor(client: ServerExchange, call: GrpcCall, onBroken: (reason: string) => void) {
    this.#client = client;
    this.#onBroken = onBroken;
    this.head = client.head;
    const { fields } = client.head;
    fields.set("content-type", call.contentType.replace(/^application\/grpc/, "application/grpc-web"));
    // The content's own coding is per message; what is coded as a whole nobody here could read.
    for (const name of ["te", "accept-encoding"]) fields.remove(name);
  }

  get peer(): Peer {
    return this.#client.peer;
  }

  get body(): BodyReader {
    return this.#client.body;
  }

  inform(status: number, fields: ResponseHead["fields"]): void {
    this.#client.inform(status, fields);
  }

  respond({ status, fields }: ResponseHead): BodyWriter {
    const type = fields.get("content-type") ?? "";
    const isCall = status === 200 && /^application\/grpc-web(?!-text)/i.test(type);
    fields.set(
      "content-type",
      isCall ? type.replace(/^application\/grpc-web/i, "application/grpc") : "application/grpc",
    );
    const told = takeStatus(fields);
    const to = this.#client.respond({ status: 200, fields, bodyLength: "stream" });
    if (!isCall) return new WithoutContent(to, told ?? statusOfHttp(status));
    return new TrailersReader(to, told, (reason) => this.#breakOff(reason));
  }

  abort(reason: string): void {
    this.#client.abort(reason);
  }

  idleAfter(idleMs: number): void {
    this.#client.idleAfter(idleMs);
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    this.#client.onFail(callback);
  }

  /** For whoever answers it is as if the client were gone: nothing more of the answer is wanted. */
  #breakOff(reason: string): void {
    this.#onBroken(reason);
    this.#client.abort(reason);
    this.#failCallback?.(new ExchangeError("protocol", "none", reason));
  }

  onDone(callback: () => void): void {
    this.#client.onDone(callback);
  }
}

/** What a head without content may say of the call's end. @param fields lose it */
function takeStatus(fields: FieldList): FieldList | undefined {
  if (!fields.has(GRPC_STATUS)) return undefined;
  const taken = new FieldList();
  for (const [name, value] of fields) if (OF_STATUS.test(name)) taken.append(name.toLowerCase(), value);
  fields.removeWhere((name) => OF_STATUS.test(name));
  return taken;
}

const OF_STATUS = /^grpc-(?:status|message|status-details-bin|retry-pushback-ms)$/i;

/** Passes messages on, and ends with what the frame after them says, or without one the head. */
class TrailersReader implements BodyWriter {
  readonly #to: BodyWriter;
  readonly #told: FieldList | undefined;
  readonly #onBroken: (reason: string) => void;
  readonly #frames = newFrames();
  /** From the first octet on that is of no message. */
  #last: Buffer | undefined;
  #isOver = false;

  constructor(to: BodyWriter, told: FieldList | undefined, onBroken: (reason: string) => void) {
    this.#to = to;
    this.#told = told;
    this.#onBroken = onBroken;
  }

  write(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    const taken = this.#last === undefined ? stepFrames(this.#frames, chunk) : 0;
    if (taken === chunk.length) return this.#to.write(chunk);
    const rest = chunk.subarray(taken);
    this.#last = this.#last === undefined ? Buffer.from(rest) : Buffer.concat([this.#last, rest]);
    if (this.#last.length > limits.http.headBytesMax) {
      this.#break("its trailers are too large");
      return true;
    }
    return taken === 0 || this.#to.write(chunk.subarray(0, taken));
  }

  onDrain(callback: () => void): void {
    this.#to.onDrain(callback);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const trailers = this.#last === undefined ? (this.#told ?? noStatus()) : parseTrailersFrame(this.#last);
    if (trailers === undefined) {
      this.#break(`it ends with ${frameFault(this.#last?.[0] ?? 0)} that cannot be read`);
      return;
    }
    trailers.removeWhere(isCritical);
    this.#to.end(trailers);
  }

  #break(reason: string): void {
    this.#isOver = true;
    this.#onBroken(`the gateway's answer by gRPC-Web: ${reason}`);
  }
}
