/** `runtime.json` of the state folder: what this agent is right now, for those who started it. */
import { AGENT_RUNTIME_FILE, type AgentRuntime, agentRuntimeSchema } from "../../shared/wire/runtime-files.ts";
import { StateFile } from "../control/state-file.ts";

export class RuntimeStatus {
  readonly #file: StateFile<AgentRuntime>;
  #now: AgentRuntime;

  constructor(folder: string, service: string, instance: string) {
    this.#file = new StateFile<AgentRuntime>(folder, AGENT_RUNTIME_FILE, (value) => agentRuntimeSchema.parse(value));
    this.#now = { pid: process.pid, service, instance, phase: "starting", ports: {} };
    this.#file.saveNow(this.#now);
  }

  get phase(): AgentRuntime["phase"] {
    return this.#now.phase;
  }

  update(change: Partial<AgentRuntime>): void {
    this.#now = { ...this.#now, ...change };
    this.#file.saveNow(this.#now);
  }

  /** The application is gone. */
  stopped(): void {
    const { appPid: _, ...rest } = this.#now;
    this.#now = { ...rest, phase: "stopped" };
    this.#file.saveNow(this.#now);
  }
}
