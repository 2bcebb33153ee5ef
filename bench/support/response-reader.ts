/** Finds where HTTP/1.1 answers end on a kept-alive connection, and nothing more: RFC 9112 section 6, for GET only. */

type Body = { kind: "length"; left: number } | { kind: "chunked"; left: number };

const HEAD_BYTES_MAX = 64 * 1024;

export class ResponseReader {
  #rest: Buffer = Buffer.alloc(0);
  #body: Body | undefined;
  #status = 0;

  /**
   * @param chunk what came from the socket
   * @returns status of each answer that is complete with it
   * @throws Error when it is no answer that can be delimited
   */
  read(chunk: Buffer): number[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const done: number[] = [];
    while (this.#advance()) {
      done.push(this.#status);
      this.#body = undefined;
    }
    return done;
  }

  /** @returns whether an answer is complete */
  #advance(): boolean {
    if (this.#body === undefined && !this.#readHead()) return false;
    const body = this.#body;
    if (body?.kind === "chunked") return this.#readChunks(body);
    return body !== undefined && this.#skip(body) && body.left === 0;
  }

  #readHead(): boolean {
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#rest.length > HEAD_BYTES_MAX) throw new Error("the head of an answer is too long");
      return false;
    }
    const head = this.#rest.toString("latin1", 0, end).toLowerCase();
    this.#status = Number(/^http\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (this.#status < 200) throw new Error(`unexpected head: ${head.slice(0, 80)}`);
    this.#rest = this.#rest.subarray(end + 4);
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/.test(head)) this.#body = { kind: "chunked", left: -1 };
    else if (length !== undefined) this.#body = { kind: "length", left: Number(length) };
    else if (this.#status === 204 || this.#status === 304) this.#body = { kind: "length", left: 0 };
    else throw new Error("an answer ends with its connection");
    return true;
  }

  #readChunks(body: Body): boolean {
    for (;;) {
      if (body.left < 0) {
        const end = this.#rest.indexOf("\r\n");
        if (end < 0) return false;
        const size = Number.parseInt(this.#rest.toString("latin1", 0, end), 16);
        if (!Number.isInteger(size)) throw new Error("a chunk has no size");
        // The last chunk is followed by an empty line: trailers are not expected here.
        if (size === 0) {
          if (this.#rest.length < end + 4) return false;
          this.#rest = this.#rest.subarray(end + 4);
          return true;
        }
        this.#rest = this.#rest.subarray(end + 2);
        body.left = size + 2;
      }
      if (!this.#skip(body)) return false;
      body.left = -1;
    }
  }

  #skip(body: Body): boolean {
    const bytes = Math.min(body.left, this.#rest.length);
    this.#rest = this.#rest.subarray(bytes);
    body.left -= bytes;
    return body.left === 0;
  }
}
