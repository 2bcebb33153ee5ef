import { SelvageError } from "../../../shared/errors.ts";
import { type GrpcWebFrame, newFrameReading, readFrames } from "../../../shared/http/grpc-web-frames.ts";
import { transcode as transcoding } from "../../../shared/limits/transcode.ts";

/** The frames of an answer by gRPC-Web, one after the other. */
export class CallFrames {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #reading = newFrameReading();
  readonly #ready: GrpcWebFrame[] = [];
  /** Gets the bytes that are held of frames that are not whole; may throw. */
  readonly #hold: (bytes: number) => void;

  constructor(body: ReadableStream<Uint8Array> | null, hold: (bytes: number) => void) {
    this.#reader = body?.getReader();
    this.#hold = hold;
  }

  /**
   * @returns undefined at the answer's end
   * @throws SelvageError upstream_reset, upstream_timeout, upstream_invalid, and what `hold` throws
   */
  async next(): Promise<GrpcWebFrame | undefined> {
    for (;;) {
      const frame = this.#ready.shift();
      if (frame !== undefined) return whole(frame);
      const read = await this.#reader?.read().catch(brokenOff);
      if (read === undefined || read.done) {
        if (this.#reading.bytes > 0) throw invalid("it ended within a frame");
        return undefined;
      }
      const frames = readFrames(this.#reading, read.value, transcoding.messageBytesMax);
      if (typeof frames === "string") throw invalid(frames);
      this.#hold(this.#reading.bytes + frames.reduce((sum, one) => sum + bytesOf(one), 0));
      this.#ready.push(...frames);
    }
  }

  /** Nothing more of it is wanted. */
  end(): void {
    void this.#reader?.cancel().catch(() => undefined);
  }
}

const bytesOf = (frame: GrpcWebFrame): number => (frame.kind === "message" ? frame.bytes.byteLength : 0);

function whole(frame: GrpcWebFrame): GrpcWebFrame {
  if (frame.kind === "message" && frame.isCompressed) throw invalid("a message is compressed, which nobody asked for");
  return frame;
}

/** An answer that is none by gRPC-Web, or none of the method. */
export const invalid = (reason: string): SelvageError =>
  new SelvageError("upstream_invalid", `the answer cannot be transcoded: ${reason}`, { sent: "body" });

function brokenOff(cause: unknown): never {
  if (cause instanceof SelvageError) throw cause;
  const isLate = cause instanceof Error && cause.name === "TimeoutError";
  throw new SelvageError(isLate ? "upstream_timeout" : "upstream_reset", `the answer broke off: ${String(cause)}`, {
    sent: "body",
    cause,
  });
}
