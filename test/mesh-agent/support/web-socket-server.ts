/** As much of RFC 6455 as a test's control plane needs: text messages of clients, unfragmented. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

export interface ServerSocket {
  send(text: string): void;
  close(): void;
}

export function acceptWebSocket(
  request: IncomingMessage,
  stream: Duplex,
  on: { readonly text: (text: string) => void; readonly end: () => void },
): ServerSocket {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let input = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    for (let frame = readFrame(input); frame !== undefined; frame = readFrame(input)) {
      input = input.subarray(frame.size);
      if (frame.opcode === 1) on.text(frame.payload.toString("utf8"));
      if (frame.opcode === 8) stream.destroy();
    }
  });
  stream.on("error", () => {});
  stream.on("end", () => stream.destroy());
  stream.on("close", on.end);
  return { send: (text) => void stream.write(textFrame(Buffer.from(text))), close: () => void stream.destroy() };
}

function readFrame(input: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (input.length < 2) return undefined;
  const short = input.readUInt8(1) & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extended + 4;
  if (input.length < start) return undefined;
  const length = short === 126 ? input.readUInt16BE(2) : short === 127 ? Number(input.readBigUInt64BE(2)) : short;
  if (input.length < start + length) return undefined;
  const mask = input.subarray(start - 4, start);
  const payload = Buffer.from(input.subarray(start, start + length));
  payload.forEach((byte, at) => {
    payload[at] = byte ^ (mask[at % 4] as number);
  });
  return { opcode: input.readUInt8(0) & 0x0f, payload, size: start + length };
}

function textFrame(payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.of(0x81, payload.length)
      : payload.length < 65_536
        ? Buffer.of(0x81, 126, payload.length >> 8, payload.length & 0xff)
        : Buffer.concat([Buffer.of(0x81, 127), bigEndian(payload.length)]);
  return Buffer.concat([head, payload]);
}

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
