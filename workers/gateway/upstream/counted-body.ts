import { SelvageError } from "../../../shared/errors.ts";

/** A body whose length nobody stated, counted while it passes. */
export interface CountedBody {
  readonly body: ReadableStream;
  /**
   * Aborted when more came than is taken: to the platform the end of a stream that failed is an end, and the upstream would have
   * a part of a body as a whole.
   */
  readonly signal: AbortSignal;
  /** Set when more came than is taken: the body ended with it. */
  tooLarge: SelvageError | undefined;
}

export function countedBody(body: ReadableStream, bytesMax: number): CountedBody {
  let bytes = 0;
  const call = new AbortController();
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return controller.enqueue(chunk);
      const reason = `streamed body, the route takes ${bytesMax} bytes`;
      counted.tooLarge ??= new SelvageError("body_too_large", reason, { sent: "body" });
      call.abort(counted.tooLarge);
      controller.error(counted.tooLarge);
    },
  });
  const counted: CountedBody = { body: body.pipeThrough(counter), signal: call.signal, tooLarge: undefined };
  return counted;
}
