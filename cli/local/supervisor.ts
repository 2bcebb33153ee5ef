/** Starts the processes of a local system, watches them, writes down which there are, ends them all. */
import { mkdirSync, rmSync, watch } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../../shared/limits.ts";
import { AGENT_RUNTIME_FILE, PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { readAgentRuntime } from "./agent-runtime.ts";
import {
  boundLog,
  type Child,
  type ChildSpec,
  endGroup,
  freshLog,
  lastLines,
  SUPERVISED,
  signalGroup,
  startChild,
} from "./child.ts";
import { environmentOf, isAlive, pids } from "./process-info.ts";
import { writePrivate } from "./state-folder.ts";

export interface SupervisorOptions {
  readonly state: string;
  /** Whether a child that ended by itself is started again, with back-off. */
  readonly restart: boolean;
  /** Tells a person; one line without its end. */
  readonly say: (line: string) => void;
}

const bounds = limits.local;
/** An agent that drains ends by itself within this, or is stuck. */
const DRAINED_WITHIN_MS = limits.agent.drainMaxMs + limits.agent.appStopMs + 1_000;

/** Until the lines of the last requests of a gateway are written. */
const LAST_LINES_MS = 2 * limits.gateway.logWaitMs;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #specs = new Map<string, ChildSpec>();
  readonly #children = new Map<string, Child>();
  readonly #watchers = new Map<string, () => void>();
  /** One start or restart of a name at a time. */
  readonly #busy = new Map<string, Promise<Child>>();
  readonly #logCheck: NodeJS.Timeout;
  #stopping = false;
  #written = "";

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(path.join(options.state, "logs"), { recursive: true, mode: 0o700 });
    this.#logCheck = setInterval(() => this.#boundLogs(), bounds.logCheckEveryMs).unref();
    this.#write();
  }

  get names(): string[] {
    return [...this.#specs.keys()];
  }

  /** Path of a child's log. */
  logFile(name: string): string {
    return path.join(this.#options.state, "logs", `${name}.log`);
  }

  /**
   * Starts a child and waits until it does its work.
   * @throws Error with the last lines of its log when it ended or was not ready in time
   */
  async start(spec: ChildSpec): Promise<Child> {
    this.#specs.set(spec.name, spec);
    freshLog(spec.logFile);
    return this.#exclusively(spec.name, () => this.#launch(spec));
  }

  /**
   * Starts again what is dead of a name. A pair of agent and app is started anew when one half is dead.
   * @returns the entries of that name, and whether anything had to be started
   * @throws Error for unknown names, and when it does not become ready
   */
  async restart(name: string): Promise<{ started: boolean; entries: ProcessEntry[] }> {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new Error(`no process is named ${name}; there are ${this.names.join(", ")}`);
    await this.#busy.get(name)?.catch(() => undefined);
    const child = this.#children.get(name);
    const started = child === undefined || !this.#isWhole(child);
    if (started) {
      await this.#exclusively(name, async () => {
        if (child !== undefined) {
          this.#children.delete(name);
          const ending = this.#isEnding(child);
          await endGroup(child.pid, ending ? DRAINED_WITHIN_MS : bounds.leftoverGraceMs, ending);
        }
        return this.#launch(spec);
      });
    }
    return { started, entries: this.entries().filter((entry) => entry.name === name) };
  }

  /**
   * Ends the child of that name and starts it as it is described now; its log goes on.
   * @throws Error with the last lines of its log when it ended or was not ready in time
   */
  async replace(spec: ChildSpec): Promise<Child> {
    await this.#busy.get(spec.name)?.catch(() => undefined);
    this.#specs.set(spec.name, spec);
    return this.#exclusively(spec.name, async () => {
      const child = this.#children.get(spec.name);
      this.#children.delete(spec.name);
      if (child !== undefined) await endGroup(child.pid, bounds.leftoverGraceMs);
      return this.#launch(spec);
    });
  }

  /** What runs right now. */
  entries(): ProcessEntry[] {
    return [...this.#children.values()].filter((child) => child.exit === undefined).flatMap(entriesOf);
  }

  /**
   * Ends children in the order of the stages, each all at once; the last one without a stage of its own.
   * @param stages names; those not named come last
   */
  async stop(stages: readonly (readonly string[])[]): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#logCheck);
    const end = Date.now() + bounds.stopWithinMs;
    const named = new Set(stages.flat());
    const rest = this.names.filter((name) => !named.has(name));
    for (const stage of [...stages, rest]) {
      // Each stage leaves the later ones at least a moment.
      const graceMs = Math.max(200, (end - Date.now()) * 0.75);
      await Promise.all(stage.map((name) => this.#end(name, graceMs)));
    }
    for (const close of this.#watchers.values()) close();
    this.#write();
  }

  /** Ends everything at once, without grace. */
  kill(): void {
    for (const child of this.#children.values()) if (child.exit === undefined) signalGroup(child.pid, "SIGKILL");
  }

  async #end(name: string, graceMs: number): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined) return;
    // Nobody calls it any more; its last lines may still wait to be written, which a signal would not leave the time for.
    if (child.spec.role === "gateway") await delay(LAST_LINES_MS);
    // workerd with an open WebSocket ignores SIGTERM; its databases survive SIGKILL.
    await endGroup(child.pid, child.spec.role === "control" ? Math.min(graceMs, 500) : graceMs);
    // Its end shows in the process table a moment before this process is told.
    await Promise.race([child.exited, delay(500)]);
  }

  #exclusively(name: string, work: () => Promise<Child>): Promise<Child> {
    const running = this.#busy.get(name);
    if (running !== undefined) return running;
    const promise = work().finally(() => this.#busy.delete(name));
    this.#busy.set(name, promise);
    return promise;
  }

  async #launch(spec: ChildSpec): Promise<Child> {
    if (this.#stopping) throw new Error("the system is stopping");
    this.#watchRuntime(spec);
    const child = await startChild({
      ...spec,
      environment: { ...spec.environment, [SUPERVISED]: this.#options.state },
    });
    this.#children.set(spec.name, child);
    if (this.#stopping) await endGroup(child.pid, bounds.leftoverGraceMs);
    this.#write();
    const startedAtMs = Date.now();
    const ended = new AbortController();
    child.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(bounds.readyWithinMs)]);
    try {
      await spec.ready(signal, child.pid);
      if (child.exit !== undefined) throw new Error("it has ended");
    } catch (error) {
      await endGroup(child.pid, bounds.leftoverGraceMs);
      throw new Error(this.#failure(child, error), { cause: error });
    } finally {
      this.#write();
    }
    child.exited.then(() => this.#ended(child, startedAtMs));
    return child;
  }

  async #ended(child: Child, startedAtMs: number): Promise<void> {
    const { name, logFile } = child.spec;
    if (this.#children.get(name) !== child || this.#stopping) return;
    this.#write();
    this.#options.say(`${name} ${howEnded(child)}`);
    for (const line of lastLines(logFile, 5)) this.#options.say(`  ${line}`);
    // Whatever it leaves in its group, such as the app of an agent that was killed, must not outlive it.
    await endGroup(child.pid, bounds.leftoverGraceMs);
    if (!this.#options.restart) return;
    await this.#startAgain(child.spec, Date.now() - startedAtMs >= bounds.steadyAfterMs ? 0 : 1);
  }

  async #startAgain(spec: ChildSpec, failures: number): Promise<void> {
    for (let attempt = failures; !this.#stopping; attempt++) {
      await delay(Math.min(bounds.restartMaxMs, bounds.restartBaseMs * 2 ** attempt));
      if (this.#stopping) return;
      try {
        const child = await this.#exclusively(spec.name, () => this.#launch(spec));
        this.#options.say(`${spec.name} runs again (pid ${child.pid})`);
        return;
      } catch (error) {
        this.#options.say(error instanceof Error ? error.message : String(error));
      }
    }
  }

  #failure(child: Child, error: unknown): string {
    const { name, logFile } = child.spec;
    const what = child.exit === undefined ? `was not ready in ${bounds.readyWithinMs / 1000} s` : howEnded(child);
    const why = error instanceof Error && error.name !== "AbortError" ? ` (${error.message})` : "";
    const lines = lastLines(logFile, 10).map((line) => `\n  ${line}`);
    return `${name} ${what}${child.exit === undefined ? why : ""}; the end of ${logFile}:${lines.join("")}`;
  }

  #isWhole(child: Child): boolean {
    if (!isAlive(child.pid)) return false;
    if (child.spec.agentState === undefined) return true;
    const runtime = readAgentRuntime(child.spec.agentState, child.pid);
    if (runtime?.phase !== "ready") return false;
    return child.spec.role === "ingress" || (runtime.appPid !== undefined && isAlive(runtime.appPid));
  }

  /** An agent that was told to stop finishes what is in flight; asked again, it would hurry. */
  #isEnding({ spec, pid }: Child): boolean {
    if (spec.agentState === undefined || !isAlive(pid)) return false;
    const phase = readAgentRuntime(spec.agentState, pid)?.phase;
    return phase === "draining" || phase === "stopped";
  }

  #watchRuntime({ name, agentState }: ChildSpec): void {
    if (agentState === undefined || this.#watchers.has(name)) return;
    mkdirSync(agentState, { recursive: true, mode: 0o700 });
    rmSync(path.join(agentState, AGENT_RUNTIME_FILE), { force: true });
    const watcher = watch(agentState, (_event, file) => {
      if (file === AGENT_RUNTIME_FILE) this.#write();
    });
    this.#watchers.set(name, () => watcher.close());
  }

  #write(): void {
    const content = `${JSON.stringify(this.entries(), null, 2)}\n`;
    if (content === this.#written) return;
    this.#written = content;
    writePrivate(path.join(this.#options.state, PROCESSES_FILE), content);
  }

  #boundLogs(): void {
    for (const spec of this.#specs.values()) boundLog(spec.logFile);
  }
}

function entriesOf(child: Child): ProcessEntry[] {
  const { name, role, service, version, agentState } = child.spec;
  const own = { name, role, service, version, pid: child.pid };
  const runtime = agentState === undefined ? undefined : readAgentRuntime(agentState, child.pid);
  if (runtime === undefined) return [{ ...own, ports: child.spec.ports }];
  const { app, ...others } = runtime.ports;
  const ports: Record<string, number> = {};
  for (const [listener, port] of Object.entries(others)) if (port !== undefined) ports[listener] = port;
  const entries: ProcessEntry[] = [{ ...own, ports: { ...child.spec.ports, ...ports } }];
  if (runtime.appPid !== undefined && isAlive(runtime.appPid)) {
    entries.push({ ...own, role: "app", pid: runtime.appPid, ports: app === undefined ? {} : { http: app } });
  }
  return entries;
}

function howEnded(child: Child): string {
  const { code, signal } = child.exit ?? {};
  return signal ? `was ended by ${signal} (pid ${child.pid})` : `ended with status ${code ?? "?"} (pid ${child.pid})`;
}

/** Processes that a supervisor of this state folder started, whether it lives or not (Linux; elsewhere none). */
export function supervisedPids(state: string): number[] {
  return pids().filter((pid) => pid !== process.pid && environmentOf(pid, SUPERVISED) === state);
}

/** Ends what a supervisor of this state folder left behind when it was killed itself (Linux). */
export async function endLeftovers(state: string): Promise<number> {
  const left = supervisedPids(state);
  for (const pid of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  while (left.some(isAlive)) await delay(20);
  return left.length;
}
