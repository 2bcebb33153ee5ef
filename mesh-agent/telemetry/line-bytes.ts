/** A line put together as bytes in memory that is used again: texts that are joined first cost several times as much. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
/** Of UTF-8, for each unit of a JavaScript string. */
const UNIT_BYTES_MAX = 3;

export class LineBytes {
  bytes: Buffer = Buffer.allocUnsafeSlow(1_024);
  length = 0;

  clear(): this {
    this.length = 0;
    return this;
  }

  /** @param text of ASCII alone */
  ascii(text: string): this {
    this.#reserve(text.length);
    const { bytes } = this;
    let { length } = this;
    for (let at = 0; at < text.length; at++) bytes[length++] = text.charCodeAt(at);
    this.length = length;
    return this;
  }

  /** A string in JSON (RFC 8259 section 7), as `JSON.stringify` has it. */
  json(text: string): this {
    this.#reserve(text.length + 2);
    const { bytes } = this;
    let { length } = this;
    bytes[length++] = QUOTE;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return this.#utf8(JSON.stringify(text));
      bytes[length++] = code;
    }
    bytes[length++] = QUOTE;
    this.length = length;
    return this;
  }

  /** @param value whole, not negative @param digits at least so many */
  whole(value: number, digits = 1): this {
    // Larger ones are no 32-bit integers, with which the loop is quick.
    if (value > 0x7fffffff) return this.ascii(String(value).padStart(digits, "0"));
    let count = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count++;
    if (count < digits) count = digits;
    this.#reserve(count);
    let rest = value | 0;
    for (let at = this.length + count - 1; at >= this.length; at--) {
      this.bytes[at] = ZERO + (rest % 10);
      rest = (rest / 10) | 0;
    }
    this.length += count;
    return this;
  }

  /** @param text that is the same for many lines */
  copy(text: Buffer): this {
    this.#reserve(text.length);
    this.length += text.copy(this.bytes, this.length);
    return this;
  }

  toString(): string {
    return this.bytes.toString("utf8", 0, this.length);
  }

  #utf8(text: string): this {
    this.#reserve(text.length * UNIT_BYTES_MAX);
    this.length += this.bytes.write(text, this.length, "utf8");
    return this;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
