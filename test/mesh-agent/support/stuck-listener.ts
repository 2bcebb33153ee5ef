/** A port whose connections hang: a process that listens and is stopped, with its queue filled. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const LISTEN =
  "require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })";
/** Loopback connects at once, or the queue is full. */
const QUICK_MS = 300;

export class StuckListener {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #fillers: Socket[];

  private constructor(port: number, child: ChildProcess, fillers: Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  static async start(): Promise<StuckListener> {
    const child = spawn(process.execPath, ["-e", LISTEN], { stdio: ["ignore", "pipe", "inherit"] });
    const port = await new Promise<number>((resolve) => child.stdout?.once("data", (text) => resolve(Number(text))));
    child.kill("SIGSTOP");
    const fillers: Socket[] = [];
    for (let isFull = false; !isFull; ) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      fillers.push(socket);
      const connected = new Promise<boolean>((resolve) => socket.once("connect", () => resolve(true)));
      isFull = !(await Promise.race([connected, delay(QUICK_MS, false)]));
    }
    return new StuckListener(port, child, fillers);
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy();
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
