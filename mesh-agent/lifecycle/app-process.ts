/** The application: started when the agent is ready, told of signals, stopped last. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { constants } from "node:os";
import { limits } from "../../shared/limits.ts";

const LOOPBACKS = ["127.0.0.1", "::1"];
const POLL_MS = 20;

export class AppProcess {
  readonly #child: ChildProcess;
  /** Exit code; 128 + n for one that signal n ended. */
  readonly exited: Promise<number>;
  #running = true;

  private constructor(child: ChildProcess, exited: Promise<number>) {
    this.#child = child;
    this.exited = exited.finally(() => {
      this.#running = false;
    });
  }

  /**
   * @param env all of the application's environment
   * @throws when the command cannot be started
   */
  static async start(command: readonly string[], env: NodeJS.ProcessEnv): Promise<AppProcess> {
    const [file = "", ...args] = command;
    const child = spawn(file, args, { env, stdio: "inherit" });
    const exited = new Promise<number>((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(startError(file, error)));
    });
    return new AppProcess(child, exited);
  }

  get pid(): number | undefined {
    return this.#running ? this.#child.pid : undefined;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /**
   * Waits until it accepts connections.
   * @returns the loopback address that it listens at; undefined when it ended before
   * @throws when it takes too long
   */
  async listening(port: number): Promise<string | undefined> {
    const endMs = performance.now() + limits.agent.appStartMs;
    while (this.#running) {
      for (const host of LOOPBACKS) if (await accepts(host, port)) return this.#running ? host : undefined;
      if (performance.now() > endMs)
        throw new Error(
          `the application does not listen on port ${port} after ${limits.agent.appStartMs / 1000} s: does it use PORT?`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return undefined;
  }

  /** Asks it to end, and after a time makes it. @returns its exit code */
  async stop(): Promise<number> {
    this.signal("SIGTERM");
    const killer = setTimeout(() => this.signal("SIGKILL"), limits.agent.appStopMs);
    const code = await this.exited;
    clearTimeout(killer);
    return code;
  }
}

function startError(file: string, error: NodeJS.ErrnoException): Error {
  if (error.code === "ENOENT") return new Error(`cannot start ${file}: there is no such command`);
  if (error.code === "EACCES") return new Error(`cannot start ${file}: it may not be executed`);
  return new Error(`cannot start ${file}: ${error.message}`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
