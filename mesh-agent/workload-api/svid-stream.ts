/**
 * The SPIFFE Workload API of somebody else, such as a SPIRE agent, as its client (SPIFFE Workload API sections 4 and 5): one call that
 * stays open and tells each new SVID, opened again whenever it ends.
 */
import { FieldList } from "../../shared/http/field-list.ts";
import { grpcFrame } from "../../shared/http/grpc-answer.ts";
import { GRPC_STATUS, grpcCode, parseGrpcStatus } from "../../shared/http/grpc-call.ts";
import { newFrameReading, readFrames } from "../../shared/http/grpc-web-frames.ts";
import { limits } from "../../shared/limits.ts";
import { backoffMs } from "../control/backoff.ts";
import type { BodyReader, ClientExchange, RequestHead, ResponseHead } from "../proxy/engine.ts";
import { createHttp2Pool, type Http2ClientPool } from "../proxy/http2/client-pool.ts";
import { checkSvids } from "./check-svid.ts";
import type { Svid } from "./messages.ts";
import { readSvids } from "./read-svids.ts";

export interface SvidStreamOptions {
  /** Path of the socket. */
  readonly path: string;
  /** Of the SVID that is wanted; absent: the first. */
  readonly hint: string | undefined;
  readonly onSvid: (svid: Svid) => void;
  /** A sentence for people; not again as long as it stays the same. `final`: asking again would change nothing. */
  readonly onTrouble: (message: string, final: boolean) => void;
  /** At least 0, below 1. */
  readonly random: () => number;
}

const HEAD: RequestHead = {
  method: "POST",
  target: "/SpiffeWorkloadAPI/FetchX509SVID",
  fields: FieldList.from([
    ["host", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    // Workload Endpoint section 6: so that nobody is tricked into this call.
    ["workload.spiffe.io", "true"],
  ]),
  bodyLength: "stream",
};

/** Which ends of a call the same call would have again. */
const FINAL: readonly number[] = [grpcCode.invalidArgument, grpcCode.unimplemented];

export class SvidStream {
  readonly #options: SvidStreamOptions;
  readonly #pool: Http2ClientPool;
  #exchange: ClientExchange | undefined;
  #timer: NodeJS.Timeout | undefined;
  #openedAtMs = 0;
  #failures = 0;
  #told = "";
  #stopped = false;

  constructor(options: SvidStreamOptions) {
    this.#options = options;
    // No pings: servers of gRPC end connections that ask too often, and a socket of this machine tells of its end.
    const endless = { pingAfterMs: Number.POSITIVE_INFINITY };
    this.#pool = createHttp2Pool({
      host: "localhost",
      port: 0,
      socketPath: options.path,
      maxConnections: 1,
      ...endless,
    });
  }

  start(): void {
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort("the agent ends");
    this.#pool.close();
  }

  #open(): void {
    const exchange = this.#pool.send(HEAD, limits.workloadApi.answerWaitMs);
    this.#exchange = exchange;
    this.#openedAtMs = performance.now();
    exchange.idleAfter(Number.POSITIVE_INFINITY);
    exchange.onFail(({ message }) => this.#ended(exchange, message));
    exchange.onResponse((head, body) => this.#read(exchange, head, body));
    exchange.body.write(Buffer.from(grpcFrame(0, Buffer.alloc(0))));
    exchange.body.end();
  }

  #read(exchange: ClientExchange, { status, fields }: ResponseHead, body: BodyReader): void {
    const reading = newFrameReading();
    const giveUp = (reason: string): void => {
      this.#ended(exchange, reason);
      exchange.abort(reason);
    };
    body.onChunk((chunk) => {
      if (exchange !== this.#exchange) return;
      const frames = readFrames(reading, chunk, limits.workloadApi.responseBytesMax);
      if (typeof frames === "string") return giveUp(`its answer has no meaning: ${frames}`);
      for (const frame of frames) {
        if (frame.kind !== "message" || frame.isCompressed)
          return giveUp("its answer is of another kind than asked for");
        this.#take(Buffer.from(frame.bytes));
      }
    });
    body.onEnd((trailers) => {
      const ending = fields.has(GRPC_STATUS) ? fields : trailers;
      const code = parseGrpcStatus(ending.get(GRPC_STATUS));
      if (code === undefined) this.#ended(exchange, `it answered with status ${status} and is no Workload API`);
      else this.#ended(exchange, describe(code, ending.get("grpc-message")), FINAL.includes(code));
    });
  }

  #take(message: Buffer): void {
    const { hint, onSvid } = this.#options;
    try {
      const { svid, leftOut } = checkSvids(readSvids(message), hint, Date.now());
      this.#told = "";
      for (const sentence of leftOut) this.#tell(sentence, false);
      onSvid(svid);
    } catch (error) {
      this.#tell(`an answer of the Workload API is not used: ${(error as Error).message}`, false);
    }
  }

  #ended(exchange: ClientExchange, reason: string, final = false): void {
    if (exchange !== this.#exchange) return;
    this.#exchange = undefined;
    if (this.#stopped) return;
    this.#tell(`the Workload API at ${this.#options.path} is away, asking again: ${reason}`, final);
    const { retryBaseMs, retryMaxMs, steadyMs } = limits.workloadApi;
    // One that ends each call at once is not asked without a pause, whatever it told before.
    this.#failures = performance.now() - this.#openedAtMs >= steadyMs ? 1 : this.#failures + 1;
    const waitMs = backoffMs(this.#failures, retryBaseMs, retryMaxMs, this.#options.random());
    this.#timer = setTimeout(() => this.#open(), waitMs);
  }

  #tell(message: string, final: boolean): void {
    if (message === this.#told) return;
    this.#told = message;
    this.#options.onTrouble(message, final);
  }
}

function describe(code: number, message = ""): string {
  const said = message === "" ? "" : `: ${decode(message)}`;
  if (code === grpcCode.permissionDenied)
    return `it has no identity for this process: is there an entry for it?${said && ` (${said.slice(2)})`}`;
  return code === 0 ? "it ended the call" : `it ended the call with code ${code}${said}`;
}

/** Percent-encoded (PROTOCOL-HTTP2.md of gRPC). */
function decode(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, limits.federation.reasonCharsMax);
  } catch {
    return text.slice(0, limits.federation.reasonCharsMax);
  }
}
