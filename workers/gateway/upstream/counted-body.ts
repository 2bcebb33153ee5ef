import { SelvageError } from "../../../shared/errors.ts";

/** What is found out of a body while it passes. */
export interface WatchedBody {
  /**
   * Aborted when more came than is taken, or what cannot be edited: to the platform the end of a stream that failed is an end, and
   * the upstream would have a part of a body as a whole.
   */
  readonly signal: AbortSignal;
  /** Set when that happened: the body ended with it. */
  readonly fault: SelvageError | undefined;
}

/** A body whose length nobody stated, counted while it passes. */
export interface CountedBody extends WatchedBody {
  readonly body: ReadableStream;
}

export function countedBody(body: ReadableStream, bytesMax: number): CountedBody {
  let bytes = 0;
  const call = new AbortController();
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return controller.enqueue(chunk);
      const reason = `streamed body, the route takes ${bytesMax} bytes`;
      counted.fault ??= new SelvageError("body_too_large", reason, { sent: "body" });
      call.abort(counted.fault);
      controller.error(counted.fault);
    },
  });
  const counted: CountedBody & { fault: SelvageError | undefined } = {
    body: body.pipeThrough(counter),
    signal: call.signal,
    fault: undefined,
  };
  return counted;
}
