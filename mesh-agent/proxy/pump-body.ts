import type { FieldList } from "../../shared/http/field-list.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "./deadline-watch.ts";
import type { BodyReader, BodyWriter } from "./engine.ts";

export interface PumpWatch {
  /** `onIdle` is called when nothing moved for so long, Infinity: never; what is left is up to it. */
  readonly idleMs: number;
  readonly onIdle: () => void;
  readonly onEnd?: (trailers: FieldList) => void;
}

/** A body that moves, or does not. */
class Movement implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly onDeadline: () => void;

  constructor(onIdle: () => void) {
    this.onDeadline = onIdle;
  }
}

/**
 * Passes a body on at the pace of its receiver.
 * @returns stops the watch; to be called when the exchange ends in another way
 */
export function pumpBody(
  from: BodyReader,
  to: BodyWriter,
  { idleMs, onIdle, onEnd }: PumpWatch,
  watch: DeadlineWatch = connectionDeadlines,
): () => void {
  const movement = new Movement(onIdle);
  watch.arm(movement, idleMs);
  const stop = (): void => watch.disarm(movement);
  const moved = (): void => {
    if (movement.watchedBy !== undefined) watch.arm(movement, idleMs);
  };
  to.onDrain(() => {
    moved();
    from.resume();
  });
  from.onEnd((trailers) => {
    stop();
    onEnd?.(trailers);
    to.end(trailers);
  });
  from.onChunk((chunk) => {
    moved();
    if (!to.write(chunk)) from.pause();
  });
  return stop;
}
