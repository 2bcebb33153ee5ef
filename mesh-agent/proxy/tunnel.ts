/** Bytes both ways between a caller and whoever answered it, once both speak a protocol that is not ours to read. */
import type { Call } from "./call.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "./deadline-watch.ts";
import type { BodyReader, BodyWriter, ResponseHead } from "./engine.ts";

/** The other end, as seen from the call. */
export interface FarEnd {
  readonly reader: BodyReader;
  readonly writer: BodyWriter;
  /** Breaks it off so that it notices. */
  abort(reason: string): void;
}

/**
 * Answers a call by a tunnel, which lasts until both sides have said all, one of them breaks off, or nothing moves.
 * @param head 101, or 2xx to CONNECT
 * @param idleMs how long it may stand still in both directions; 0: for ever
 */
export function openTunnel(call: Call, head: ResponseHead, far: FarEnd, idleMs: number): void {
  new Tunnel(call, far, idleMs).open(head);
}

class Tunnel implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #call: Call;
  readonly #far: FarEnd;
  readonly #idleMs: number;
  /** Directions that are open. */
  #open = 2;

  constructor(call: Call, far: FarEnd, idleMs: number) {
    this.#call = call;
    this.#far = far;
    this.#idleMs = idleMs;
  }

  open(head: ResponseHead): void {
    const call = this.#call;
    const far = this.#far;
    const bytes = { protocol: head.upgrade ?? "tcp", in: 0, out: 0 };
    call.facts.tunnel = bytes;
    call.onFinish(() => {
      connectionDeadlines.disarm(this);
      if (this.#open > 0) far.abort("the caller left");
    });
    const writer = call.respond(head);
    this.#moved();
    this.#pass(call.exchange.body, far.writer, (length) => {
      bytes.in += length;
    });
    this.#pass(far.reader, writer, (length) => {
      bytes.out += length;
    });
  }

  #pass(from: BodyReader, to: BodyWriter, count: (bytes: number) => void): void {
    to.onDrain(() => {
      this.#moved();
      from.resume();
    });
    from.onEnd(() => {
      this.#open--;
      to.end();
    });
    from.onChunk((chunk) => {
      count(chunk.length);
      this.#moved();
      if (!to.write(chunk)) from.pause();
    });
  }

  #moved(): void {
    if (this.#idleMs > 0 && !this.#call.finished) connectionDeadlines.arm(this, this.#idleMs);
  }

  onDeadline(): void {
    this.#call.abort(`nothing moved for ${this.#idleMs / 1000} s`);
  }
}
