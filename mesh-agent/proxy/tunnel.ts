/** Bytes both ways between a caller and whoever answered it, once both speak a protocol that is not ours to read. */
import type { Call } from "./call.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "./deadline-watch.ts";
import type { BodyReader, BodyWriter, ResponseHead } from "./engine.ts";

/** One end: what it says, and what is said to it. */
export interface TunnelEnd {
  readonly reader: BodyReader;
  readonly writer: BodyWriter;
}

/** The other end, as seen from the call. */
export interface FarEnd extends TunnelEnd {
  /** Breaks it off so that it notices. */
  abort(reason: string): void;
}

/**
 * Answers a call by a tunnel, which lasts until both sides have said all, one of them breaks off, or nothing moves.
 * @param head 101, or 2xx to CONNECT
 * @param idleMs how long it may stand still in both directions; 0: for ever
 */
export function openTunnel(call: Call, head: ResponseHead, far: FarEnd, idleMs: number): void {
  const bytes = { protocol: head.upgrade ?? "tcp", in: 0, out: 0 };
  call.facts.tunnel = bytes;
  const tunnel = new Tunnel({
    idleMs,
    onIdle: () => call.abort(`nothing moved for ${idleMs / 1000} s`),
    passed: (direction, { length }) => {
      bytes[direction] += length;
    },
  });
  call.onFinish(() => {
    if (tunnel.stop()) far.abort("the caller left");
  });
  const writer = call.respond(head);
  tunnel.join({ reader: call.exchange.body, writer }, far);
}

export interface TunnelOptions {
  /** How long it may stand still in both directions; 0: for ever. */
  readonly idleMs: number;
  /** Nothing moved for that long; what follows is up to it. */
  readonly onIdle: () => void;
  /** @param direction `in`: from the near end */
  readonly passed: (direction: "in" | "out", chunk: Buffer) => void;
}

export class Tunnel implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #options: TunnelOptions;
  /** Directions that are open. */
  #open = 2;
  #isStopped = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  join(near: TunnelEnd, far: TunnelEnd): void {
    this.#moved();
    this.#pass("in", near.reader, far.writer);
    this.#pass("out", far.reader, near.writer);
  }

  /** No deadline comes from now on. @returns whether a side has not said all */
  stop(): boolean {
    this.#isStopped = true;
    connectionDeadlines.disarm(this);
    return this.#open > 0;
  }

  #pass(direction: "in" | "out", from: BodyReader, to: BodyWriter): void {
    to.onDrain(() => {
      this.#moved();
      from.resume();
    });
    from.onEnd(() => {
      this.#open--;
      to.end();
    });
    from.onChunk((chunk) => {
      this.#options.passed(direction, chunk);
      this.#moved();
      if (!to.write(chunk)) from.pause();
    });
  }

  #moved(): void {
    const { idleMs } = this.#options;
    if (idleMs > 0 && !this.#isStopped) connectionDeadlines.arm(this, idleMs);
  }

  onDeadline(): void {
    this.#options.onIdle();
  }
}
