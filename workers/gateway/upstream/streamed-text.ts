import { SelvageError } from "../../../shared/errors.ts";
import type { GrpcWebFrame } from "../../../shared/http/grpc-web-frames.ts";
import type { StreamForm } from "../../../shared/transcode/settings.ts";
import type { CallFrames } from "./call-frames.ts";

/** What a stream ended with, for its client; undefined: it ended well. */
export type StreamEnd = object | undefined;

export interface StreamedText {
  readonly frames: CallFrames;
  /** What `frames` was asked for already. */
  readonly first: Promise<GrpcWebFrame | undefined>;
  /** `raw`: messages are the content itself. */
  readonly form: StreamForm | "raw";
  /** The content that a message is. */
  readonly write: (message: Uint8Array) => string | Uint8Array;
  /** @param frame what came instead of a message; undefined: nothing */
  readonly ended: (frame: GrpcWebFrame | undefined) => StreamEnd;
  /** What a client is told of an answer that broke off. */
  readonly problem: (error: SelvageError) => object;
  /** Called when nothing more is read. */
  readonly onEnd: () => void;
}

/**
 * Messages as they come, each asked for when the client has taken the one before. A stream that fails says so in its last line or
 * event; where there is no place for that, in an array or in content that is passed on as it is, it breaks off.
 */
export function streamedText(given: StreamedText): ReadableStream<Uint8Array> {
  const { frames, form, write, ended, problem, onEnd } = given;
  const encoder = new TextEncoder();
  let pending: Promise<GrpcWebFrame | undefined> | undefined = given.first;
  let count = 0;
  const finish = (controller: ReadableStreamDefaultController<Uint8Array>, failure: StreamEnd): void => {
    onEnd();
    if (failure === undefined) {
      if (form === "array") controller.enqueue(encoder.encode(count === 0 ? "[]" : "]"));
      controller.close();
    } else if (form === "array" || form === "raw") controller.error(new Error("the call failed"));
    else {
      controller.enqueue(encoder.encode(form === "lines" ? `${JSON.stringify({ error: failure })}\n` : event(failure)));
      controller.close();
    }
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    let failure: StreamEnd;
    try {
      const frame = await (pending ?? frames.next());
      pending = undefined;
      if (frame?.kind === "message") {
        const content = write(frame.bytes);
        controller.enqueue(typeof content === "string" ? encoder.encode(framed(form, content, count)) : content);
        count++;
        return;
      }
      failure = ended(frame);
    } catch (cause) {
      failure = problem(cause instanceof SelvageError ? cause : new SelvageError("internal", String(cause)));
    }
    finish(controller, failure);
  };
  return new ReadableStream({
    pull,
    cancel: onEnd,
  });
}

const event = (failure: object): string => `event: error\ndata: ${JSON.stringify(failure)}\n\n`;

function framed(form: StreamedText["form"], text: string, count: number): string {
  if (form === "array") return `${count === 0 ? "[" : ","}${text}`;
  return form === "lines" ? `${text}\n` : `data: ${text}\n\n`;
}
