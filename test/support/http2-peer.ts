/** A peer that speaks HTTP/2 frame by frame, right or wrong. */
import * as net from "node:net";
import { FieldBlock } from "../../mesh-agent/proxy/http2/field-block.ts";
import { HpackDecoder } from "../../mesh-agent/proxy/http2/hpack-decoder.ts";
import * as h2 from "../../mesh-agent/proxy/http2/protocol.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Buffer | string = ""): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const length =
    bytes.length < 127 ? [bytes.length] : [127, ((bytes.length - 127) & 0x7f) | 0x80, (bytes.length - 127) >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** A header block of literals without indexing: name, value, name, value, ... */
export function block(...raw: string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < raw.length; i += 2) parts.push(Buffer.from([0]), text(raw[i] ?? ""), text(raw[i + 1] ?? ""));
  return Buffer.concat(parts);
}

export const GET: readonly string[] = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h"];
export const POST: readonly string[] = [":method", "POST", ...GET.slice(2)];

/** A header block in as many frames as it needs. */
function headers(id: number, flags: number, whole: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < whole.length; at += 16_384) {
    const last = at + 16_384 >= whole.length ? h2.END_HEADERS : 0;
    const part = whole.subarray(at, at + 16_384);
    frames.push(at === 0 ? frame(h2.HEADERS, flags | last, id, part) : frame(h2.CONTINUATION, last, id, part));
  }
  return Buffer.concat(frames);
}

/** HEADERS of a message without a body, or trailers. */
export const request = (id: number, ...raw: string[]): Buffer => headers(id, h2.END_STREAM, block(...raw));
/** HEADERS of a message with a body. */
export const open = (id: number, ...raw: string[]): Buffer => headers(id, 0, block(...raw));
export const data = (id: number, payload: Buffer | string, end = false): Buffer =>
  frame(h2.DATA, end ? h2.END_STREAM : 0, id, payload);
export const reset = (id: number, code: number): Buffer => frame(h2.RST_STREAM, 0, id, number32(code));
export const goaway = (last: number, code: number): Buffer =>
  frame(h2.GOAWAY, 0, 0, Buffer.concat([number32(last), number32(code)]));
export const widen = (id: number, by: number): Buffer => frame(h2.WINDOW_UPDATE, 0, id, number32(by));
export const ping = (payload = "12345678"): Buffer => frame(h2.PING, 0, 0, payload);

export function settings(...entries: (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(h2.SETTINGS, 0, 0, payload);
}

export class Http2Peer {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  /** The other side has ended the connection. */
  closed = false;
  /** Set to false before anything comes: settings are not acknowledged. */
  acknowledges = true;
  readonly #decoder = new HpackDecoder();
  #input: Buffer = Buffer.alloc(0);
  #skip: number;
  #wake: () => void = () => {};

  /** @param skip bytes before the first frame */
  constructor(socket: net.Socket, skip = 0) {
    this.socket = socket;
    this.#skip = skip;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {});
    for (const event of ["end", "close"])
      socket.on(event, () => {
        this.closed = true;
        this.#wake();
      });
  }

  /** Connects as a client and says what has to be said first. */
  static async connect(port: number, ...entries: (readonly [number, number])[]): Promise<Http2Peer> {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return Http2Peer.greet(socket, ...entries);
  }

  /** Says what a client has to say first. */
  static async greet(socket: net.Socket, ...entries: (readonly [number, number])[]): Promise<Http2Peer> {
    const peer = new Http2Peer(socket);
    peer.send(h2.PREFACE, settings(...entries));
    await peer.until(() => peer.all(h2.SETTINGS).length >= 2);
    return peer;
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  all(type: number, id?: number): Frame[] {
    return this.frames.filter((one) => one.type === type && (id === undefined || one.id === id));
  }

  /** Code of the GOAWAY that came last. */
  get goaway(): number | undefined {
    return this.all(h2.GOAWAY).at(-1)?.payload.readUInt32BE(4);
  }

  resetCode(id: number): number | undefined {
    return this.all(h2.RST_STREAM, id)[0]?.payload.readUInt32BE(0);
  }

  body(id: number): Buffer {
    return Buffer.concat(this.all(h2.DATA, id).map((one) => one.payload));
  }

  ended(id: number): boolean {
    return this.frames.some((one) => one.id === id && one.type <= h2.HEADERS && (one.flags & h2.END_STREAM) !== 0);
  }

  /** Decoded header blocks of a stream. Every block of the connection has come through here in its order. */
  readonly blocks: { readonly id: number; readonly raw: readonly string[] }[] = [];

  head(id: number): readonly string[] | undefined {
    return this.blocks.find((one) => one.id === id)?.raw;
  }

  status(id: number): string | undefined {
    return this.head(id)?.[1];
  }

  /** Waits for a state. @throws Error when it does not come in 5 s */
  async until(state: () => boolean): Promise<void> {
    const late = Date.now() + 5_000;
    while (!state()) {
      if (Date.now() > late) throw new Error(`the state did not come; got ${this.told}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  get told(): string {
    return `${this.frames.map(({ type, id, flags }) => `${type}/${id}/${flags}`).join(" ")}${this.closed ? " end" : ""}`;
  }

  end(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    if (this.#skip > 0) {
      if (this.#input.length < this.#skip) return;
      this.#input = this.#input.subarray(this.#skip);
      this.#skip = 0;
    }
    while (this.#input.length >= 9) {
      const length = this.#input.readUIntBE(0, 3);
      if (this.#input.length < 9 + length) break;
      const input = this.#input;
      this.#input = input.subarray(9 + length);
      this.#take({
        type: input[3] as number,
        flags: input[4] as number,
        id: input.readUInt32BE(5),
        payload: Buffer.from(input.subarray(9, 9 + length)),
      });
    }
    this.#wake();
  }

  #take(one: Frame): void {
    this.frames.push(one);
    if (one.type === h2.SETTINGS && (one.flags & h2.ACK) === 0 && this.acknowledges)
      this.send(frame(h2.SETTINGS, h2.ACK, 0));
    if (one.type !== h2.HEADERS) return;
    const decoded = this.#decoder.decode(one.payload, 0, one.payload.length);
    if (!(decoded instanceof FieldBlock)) throw new Error(this.#decoder.error);
    this.blocks.push({ id: one.id, raw: decoded.raw });
  }
}
