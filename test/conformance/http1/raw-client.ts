/** Speaks bytes to a listener and says what came back. */
import * as net from "node:net";

export interface RawResult {
  /** Everything that was received, as latin1. */
  readonly text: string;
  /** Status of the first final answer; undefined when none came. */
  readonly status: number | undefined;
  /** The server ended the connection before we did. */
  readonly closed: boolean;
}

function finalStatus(text: string): number | undefined {
  for (const match of text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g)) {
    const status = Number(match[1]);
    if (status >= 200) return status;
  }
  return undefined;
}

/** Rounds of the event loop, each of which reads what sockets have: more than an answer takes by way of a proxy and its upstream. */
const QUIET_ROUNDS = 100;

/**
 * Calls back when so many rounds have passed. A timer alone says nothing of listeners in this process: after a pause of the machine
 * it is the first to run, before what came meanwhile is read.
 */
export function afterRounds(over: () => void, rounds = QUIET_ROUNDS): void {
  if (rounds === 0) over();
  else setImmediate(afterRounds, over, rounds - 1);
}

/**
 * Sends pieces one after the other and collects until the server closes or is silent: for `quietMs`, and then for as many rounds of
 * the event loop as a listener in this process needs to read and answer.
 * @param pieces latin1 texts; each is its own write
 */
export function speak(port: number, pieces: string | readonly string[], quietMs = 150): Promise<RawResult> {
  return new Promise((resolve) => {
    let text = "";
    let timer: NodeJS.Timeout | undefined;
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, status: finalStatus(text), closed });
    };
    let heard = 0;
    const restart = (): void => {
      const before = ++heard;
      clearTimeout(timer);
      timer = setTimeout(() => afterRounds(() => before === heard && finish(false)), quietMs);
    };
    socket.on("connect", async () => {
      restart();
      for (const piece of typeof pieces === "string" ? [pieces] : pieces) {
        socket.write(piece, "latin1");
        await new Promise((next) => setTimeout(next, 2));
      }
      restart();
    });
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      restart();
    });
    socket.on("end", () => finish(true));
    socket.on("error", () => finish(true));
  });
}
