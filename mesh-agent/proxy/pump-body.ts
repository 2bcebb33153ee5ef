import type { FieldList } from "../../shared/http/field-list.ts";
import { passedOn } from "./body-garbage.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "./deadline-watch.ts";
import type { BodyReader, BodyWriter } from "./engine.ts";

export interface PumpWatch {
  /** `onIdle` is called when nothing moved for so long, Infinity: never; what is left is up to it. */
  readonly idleMs: number;
  readonly onIdle: () => void;
  readonly onEnd?: (trailers: FieldList) => void;
}

/** A body that is passed on; what it is asked for most often is its own, since each closure costs as much as an object. */
export class Pump implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #to: BodyWriter;
  readonly #from: BodyReader;
  readonly #settings: PumpWatch;
  readonly #watch: DeadlineWatch;

  constructor(from: BodyReader, to: BodyWriter, settings: PumpWatch, watch: DeadlineWatch) {
    this.#from = from;
    this.#to = to;
    this.#settings = settings;
    this.#watch = watch;
  }

  start(): void {
    this.#watch.arm(this, this.#settings.idleMs);
    this.#to.onDrain(() => {
      this.#moved();
      this.#from.resume();
    });
    this.#from.onEnd((trailers) => {
      this.stop();
      this.#settings.onEnd?.(trailers);
      this.#to.end(trailers);
    });
    this.#from.onChunk((chunk) => {
      this.#moved();
      if (!this.#to.write(chunk)) this.#from.pause();
      passedOn(chunk.length);
    });
  }

  /** Ends the watch; to be called when the exchange ends in another way. */
  stop(): void {
    this.#watch.disarm(this);
  }

  #moved(): void {
    if (this.watchedBy !== undefined) this.#watch.arm(this, this.#settings.idleMs);
  }

  onDeadline(): void {
    this.#settings.onIdle();
  }
}

/** Passes a body on at the pace of its receiver. */
export function pumpBody(
  from: BodyReader,
  to: BodyWriter,
  settings: PumpWatch,
  watch: DeadlineWatch = connectionDeadlines,
): Pump {
  const pump = new Pump(from, to, settings, watch);
  pump.start();
  return pump;
}
