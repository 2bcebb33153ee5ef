import type { BodyReader, BodyWriter } from "./engine.ts";

export interface PumpWatch {
  /** `onIdle` is called when nothing moved for so long; what is left is up to it. */
  readonly idleMs: number;
  readonly onIdle: () => void;
  readonly onEnd?: () => void;
}

/**
 * Passes a body on at the pace of its receiver.
 * @returns stops the watch; to be called when the exchange ends in another way
 */
export function pumpBody(from: BodyReader, to: BodyWriter, { idleMs, onIdle, onEnd }: PumpWatch): () => void {
  const watch = setTimeout(onIdle, idleMs);
  const stop = (): void => clearTimeout(watch);
  to.onDrain(() => {
    watch.refresh();
    from.resume();
  });
  from.onEnd((trailers) => {
    stop();
    onEnd?.();
    to.end(trailers);
  });
  from.onChunk((chunk) => {
    watch.refresh();
    if (!to.write(chunk)) from.pause();
  });
  return stop;
}
