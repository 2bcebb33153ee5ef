/**
 * The client's side of a WebSocket (RFC 6455) for messages of text: what the agent says to the hub. Node's own comes
 * with an HTTP client of 12 MB.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { limits } from "../../shared/limits.ts";
import { nodeHttp } from "../proxy/node-http.ts";
import { CLOSE, type Frame, PING, PONG, readFrame, TEXT, writeFrame } from "./web-socket-frame.ts";

export interface WebSocketEvents {
  opened(): void;
  text(message: string): void;
  /**
   * Called once, whatever ends it but `close`.
   * @param reason absent: it never was open @param refused the answer by which the handshake was
   */
  ended(
    reason?: string,
    refused?: { readonly status: number | undefined; readonly headers: IncomingHttpHeaders },
  ): void;
}

/** RFC 6455 section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED = 1003;
const INVALID_TEXT = 1007;
const TOO_LARGE = 1009;
/** From our close to the end of the connection. */
const CLOSE_WITHIN_MS = 1_000;

export class WebSocketClient {
  readonly #events: WebSocketEvents;
  readonly #handshake: { destroy(): void };
  #socket: Socket | undefined;
  #input: Buffer = Buffer.alloc(0);
  /** Of the message in work. */
  #parts: Buffer[] = [];
  #size = 0;
  #over = false;

  /** Begins the handshake. @param url http or https */
  constructor(url: URL, headers: Readonly<Record<string, string>>, events: WebSocketEvents) {
    this.#events = events;
    const key = randomBytes(16).toString("base64");
    const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const call = url.protocol === "https:" ? httpsRequest : nodeHttp.request;
    const request = call(url, { headers: { ...headers, ...upgrade, "sec-websocket-key": key } });
    this.#handshake = request;
    request.on("error", () => this.#end());
    request.on("response", (response) => {
      response.resume();
      request.destroy();
      this.#end(undefined, { status: response.statusCode, headers: response.headers });
    });
    request.on("upgrade", (response, socket, head) => this.#upgraded(response, socket as Socket, head, key));
    request.end();
  }

  #upgraded({ headers }: IncomingMessage, socket: Socket, head: Buffer, key: string): void {
    socket.on("error", () => undefined);
    const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
    const isAccepted = headers["sec-websocket-accept"] === accept && headers["sec-websocket-extensions"] === undefined;
    if (this.#over || !isAccepted || headers.upgrade?.toLowerCase() !== "websocket") {
      socket.destroy();
      this.#end();
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#end("the connection was lost"));
    this.#events.opened();
    if (head.length > 0) this.#read(head);
  }

  send(text: string): void {
    if (!this.#over) this.#socket?.write(writeFrame(TEXT, Buffer.from(text), randomBytes(4)));
  }

  /** Ends it; no event follows. */
  close(): void {
    this.#over = true;
    this.#sayClose(NORMAL);
    if (this.#socket === undefined) this.#handshake.destroy();
  }

  #read(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    while (!this.#over) {
      const frame = readFrame(this.#input, limits.control.messageBytesMax);
      if (frame === undefined) return;
      if (typeof frame === "string") {
        this.#fail(frame === "too_large" ? TOO_LARGE : PROTOCOL_ERROR);
        return;
      }
      this.#input = this.#input.subarray(frame.size);
      this.#take(frame);
    }
    this.#input = Buffer.alloc(0);
  }

  #take({ opcode, fin, payload }: Frame): void {
    if (opcode === PING) this.#socket?.write(writeFrame(PONG, payload, randomBytes(4)));
    else if (opcode === CLOSE) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : NORMAL;
      const reason = payload.toString("utf8", 2);
      this.#sayClose(NORMAL);
      this.#end(reason === "" ? `closed with code ${code}` : reason);
    } else if (opcode !== PONG) this.#takeData(opcode, fin, payload);
  }

  /** A message may come in several frames, of which the first says what it is (section 5.4). */
  #takeData(opcode: number, fin: boolean, payload: Buffer): void {
    const isFirst = this.#parts.length === 0;
    if (isFirst && opcode !== TEXT) this.#fail(opcode === 0 ? PROTOCOL_ERROR : UNSUPPORTED);
    else if (!isFirst && opcode !== 0) this.#fail(PROTOCOL_ERROR);
    else if (this.#size + payload.length > limits.control.messageBytesMax) this.#fail(TOO_LARGE);
    else {
      this.#parts.push(payload);
      this.#size += payload.length;
      if (fin) this.#deliver();
    }
  }

  #deliver(): void {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.#fail(INVALID_TEXT);
      return;
    }
    this.#events.text(text);
  }

  #fail(code: number): void {
    this.#sayClose(code);
    this.#end(`the control plane breaks the WebSocket protocol (${code})`);
  }

  #sayClose(code: number): void {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed || !socket.writable) return;
    socket.end(writeFrame(CLOSE, Buffer.from([code >> 8, code & 0xff]), randomBytes(4)));
    setTimeout(() => socket.destroy(), CLOSE_WITHIN_MS).unref();
  }

  #end(...why: Parameters<WebSocketEvents["ended"]>): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.ended(...why);
  }
}
