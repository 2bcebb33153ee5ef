/** Bytes to a port and bytes back, for what no HTTP client would send. */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

export interface RawAnswer {
  /** Everything that came back, latin1. */
  readonly text: string;
  /** Status of the first final answer; undefined: the connection ended without one. */
  readonly status: number | undefined;
}

const SILENCE_MS = 3_000;

/**
 * Sends chunks until all are out or the peer ends, then reads until the peer ends, or is silent after an answer.
 * @param chunks bytes in order; back-pressure is respected
 */
export function sendRaw(port: number, chunks: Iterable<string | Buffer>, tls?: ConnectionOptions): Promise<RawAnswer> {
  const socket = tls === undefined ? connect(port, "127.0.0.1") : connectTls({ host: "127.0.0.1", port, ...tls });
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const over = new Promise<void>((done) => {
    socket.on("error", () => done());
    socket.on("close", () => done());
    socket.setTimeout(SILENCE_MS, () => {
      if (text !== "") done();
    });
  });
  socket.once(tls === undefined ? "connect" : "secureConnect", () => void writeAll(socket, chunks));
  return over.then(() => {
    socket.destroy();
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
    return { text, status: statuses.find((status) => status >= 200) };
  });
}

async function writeAll(socket: Socket, chunks: Iterable<string | Buffer>): Promise<void> {
  let resume = (): void => {};
  socket.on("drain", () => resume());
  socket.on("close", () => resume());
  for (const chunk of chunks) {
    if (socket.destroyed) return;
    const blocked = new Promise<void>((done) => {
      resume = done;
    });
    if (!socket.write(chunk)) await blocked;
  }
}
