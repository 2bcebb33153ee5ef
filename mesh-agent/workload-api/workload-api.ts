/**
 * The SPIFFE Workload API for applications beside the agent (SPIFFE Workload API sections 4 and 5, SPIFFE Workload Endpoint
 * sections 3 and 6): who they are, and whom they may believe, told again whenever it changes. Whoever may open the socket is the workload.
 */
import { FieldList } from "../../shared/http/field-list.ts";
import type { GrpcError } from "../../shared/http/grpc-answer.ts";
import { grpcCode } from "../../shared/http/grpc-call.ts";
import { limits } from "../../shared/limits.ts";
import type { BodyWriter, ServerExchange } from "../proxy/engine.ts";
import { grpcErrorHead, grpcErrorTrailers, isGrpcCall } from "../proxy/grpc-answer.ts";
import { bundlesResponse, type Svid, svidResponse } from "./messages.ts";
import { UnixListener } from "./unix-listener.ts";

type Response = (svid: Svid) => Buffer;

const METHODS: Readonly<Record<string, Response>> = {
  "/SpiffeWorkloadAPI/FetchX509SVID": svidResponse,
  "/SpiffeWorkloadAPI/FetchX509Bundles": bundlesResponse,
};

/** A call that is told what changes. */
interface Stream {
  readonly writer: BodyWriter;
  readonly response: Response;
  /** The message that it got last. */
  told: Buffer | undefined;
  /** It has not taken that yet. */
  isBehind: boolean;
}

export class WorkloadApi {
  readonly #svid: () => Svid;
  readonly #streams = new Set<Stream>();
  #listener: UnixListener | undefined;

  private constructor(svid: () => Svid) {
    this.#svid = svid;
  }

  /**
   * @param path of the socket
   * @param svid asked for each answer
   * @throws with a sentence for people
   */
  static async open(path: string, svid: () => Svid): Promise<WorkloadApi> {
    const api = new WorkloadApi(svid);
    api.#listener = await UnixListener.open(path, (exchange) => api.#take(exchange));
    return api;
  }

  /** Tells those who wait for it. */
  changed(): void {
    for (const stream of this.#streams) this.#tell(stream);
  }

  async close(): Promise<void> {
    const ending = grpcErrorTrailers({ status: grpcCode.unavailable, message: "the agent ends" });
    for (const { writer } of this.#streams) writer.end(ending);
    this.#streams.clear();
    await this.#listener?.close();
  }

  #take(exchange: ServerExchange): void {
    const { head, body } = exchange;
    let bytes = 0;
    body.onChunk((chunk) => {
      bytes += chunk.length;
      if (bytes > limits.workloadApi.requestBytesMax) exchange.abort("the request is too long");
    });
    if (!isGrpcCall(head)) {
      exchange.respond({ status: 415, fields: new FieldList(), bodyLength: 0 }).end();
      return;
    }
    const path = head.target.replace(/^https?:\/\/[^/]*/, "");
    const response = Object.hasOwn(METHODS, path) ? METHODS[path] : undefined;
    const refusal = this.#refuse(head.fields, response);
    if (refusal !== undefined || response === undefined)
      exchange.respond(grpcErrorHead(head, refusal ?? UNKNOWN)).end();
    else body.onEnd(() => this.#serve(exchange, response));
  }

  #refuse(fields: FieldList, response: Response | undefined): GrpcError | undefined {
    const marks = fields.getAll("workload.spiffe.io");
    if (marks.length !== 1 || marks[0] !== "true")
      return { status: grpcCode.invalidArgument, message: "security header missing: workload.spiffe.io: true" };
    if (response === undefined) return UNKNOWN;
    const isFull = this.#streams.size >= limits.workloadApi.streamsMax;
    return isFull ? { status: grpcCode.unavailable, message: "too many calls at once" } : undefined;
  }

  #serve(exchange: ServerExchange, response: Response): void {
    exchange.idleAfter(Number.POSITIVE_INFINITY);
    const fields = FieldList.from([["content-type", "application/grpc"]]);
    const writer = exchange.respond({ status: 200, fields, bodyLength: "stream" });
    const stream: Stream = { writer, response, told: undefined, isBehind: false };
    this.#streams.add(stream);
    exchange.onFail(() => this.#streams.delete(stream));
    writer.onDrain(() => {
      stream.isBehind = false;
      this.#tell(stream);
    });
    this.#tell(stream);
  }

  /** Whoever is behind gets the newest once there is room. */
  #tell(stream: Stream): void {
    if (stream.isBehind) return;
    const message = stream.response(this.#svid());
    if (stream.told?.equals(message) === true) return;
    stream.told = message;
    stream.isBehind = !stream.writer.write(Buffer.from(message));
  }
}

const UNKNOWN: GrpcError = { status: grpcCode.unimplemented, message: "this agent serves X.509-SVIDs alone" };
