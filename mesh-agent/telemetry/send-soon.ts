/** Items that wait a moment for others, so that they leave together. */
import { telemetry } from "../../shared/limits/telemetry.ts";
import type { OtlpSender } from "./otlp-sender.ts";

const { flushMs, itemsMax, requestBytesMax } = telemetry;

interface Items {
  readonly bytes: number;
  readonly count: number;
  take(): Uint8Array;
}

export class SendSoon {
  readonly #items: Items;
  readonly #sender: Pick<OtlpSender, "add">;
  #timer: NodeJS.Timeout | undefined;

  constructor(items: Items, sender: Pick<OtlpSender, "add">) {
    this.#items = items;
    this.#sender = sender;
  }

  /** There is one more. */
  added(): void {
    const { bytes, count } = this.#items;
    if (bytes >= requestBytesMax || count >= itemsMax) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushMs).unref();
  }

  /** Hands over what there is. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { count } = this.#items;
    if (count > 0) this.#sender.add(this.#items.take(), count);
  }
}
