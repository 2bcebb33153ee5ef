/** A client by gRPC-Web, frame by frame. */
import { type BodyInit, type Dispatcher, fetch, type Headers, type Response } from "undici";

const HEAD_BYTES = 5;
const TRAILERS = 0x80;

export function frame(content: Buffer | string, flags = 0): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(flags);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly messages: readonly Buffer[];
  /** Of the last frame; undefined: there was none. */
  readonly trailers: ReadonlyMap<string, string> | undefined;
  readonly code: number | undefined;
  /** Decoded `grpc-message`. */
  readonly message: string | undefined;
  /** What follows after the last whole frame. */
  readonly rest: Buffer;
}

export interface WebCall {
  readonly headers?: Record<string, string>;
  readonly text?: boolean;
  readonly signal?: AbortSignal;
  readonly dispatcher?: Dispatcher;
}

/** Sends whatever is given as content, in base64 where it is text. */
export function sendWeb(url: string, content: BodyInit | Buffer, call: WebCall = {}): Promise<Response> {
  const type = call.text === true ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
  return fetch(url, {
    method: "POST",
    headers: { "content-type": type, "x-grpc-web": "1", accept: type, ...call.headers },
    body: call.text === true && Buffer.isBuffer(content) ? content.toString("base64") : content,
    duplex: "half",
    ...(call.signal !== undefined && { signal: call.signal }),
    ...(call.dispatcher !== undefined && { dispatcher: call.dispatcher }),
  });
}

/** One message there, and all that comes back. */
export async function callWeb(url: string, message: Buffer | string, call: WebCall = {}): Promise<WebAnswer> {
  return readWeb(await sendWeb(url, frame(message), call));
}

export async function readWeb(response: Response): Promise<WebAnswer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const isText = response.headers.get("content-type")?.includes("-text") === true;
  const { messages, trailers, rest } = framesOf(isText ? decoded(bytes.toString("latin1")) : bytes);
  const code = trailers?.get("grpc-status");
  const said = trailers?.get("grpc-message");
  return {
    status: response.status,
    headers: response.headers,
    messages,
    trailers,
    rest,
    code: code === undefined ? undefined : Number(code),
    message: said === undefined ? undefined : decodeURIComponent(said),
  };
}

/** Pieces that are padded each by itself. */
const decoded = (text: string): Buffer =>
  Buffer.concat((text.match(/[A-Za-z0-9+/]+={0,2}/g) ?? []).map((piece) => Buffer.from(piece, "base64")));

export function framesOf(bytes: Buffer): Pick<WebAnswer, "messages" | "trailers" | "rest"> {
  const messages: Buffer[] = [];
  let trailers: Map<string, string> | undefined;
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    const content = bytes.subarray(at + HEAD_BYTES, end);
    if (bytes[at] === TRAILERS) trailers = fieldsOf(content.toString("latin1"));
    else messages.push(content);
    at = end;
  }
  return { messages, trailers, rest: bytes.subarray(at) };
}

const fieldsOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split("\r\n")
      .filter((line) => line !== "")
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );

/** Reads an answer's messages as they come. */
export class WebReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #bytes: Buffer = Buffer.alloc(0);
  #read = 0;

  constructor(response: Response) {
    if (response.body === null) throw new Error("an answer without a body");
    this.#reader = response.body.getReader();
  }

  /** The next message; undefined: there is none before the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const message = framesOf(this.#bytes).messages[this.#read];
      if (message !== undefined) {
        this.#read++;
        return message;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#bytes = Buffer.concat([this.#bytes, value]);
    }
  }

  get trailers(): ReadonlyMap<string, string> | undefined {
    return framesOf(this.#bytes).trailers;
  }
}
