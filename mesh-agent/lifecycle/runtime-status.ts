/** `runtime.json` of the state folder: what this agent is right now, for those who started it. */
import { AGENT_RUNTIME_FILE, type AgentRuntime, agentRuntimeSchema } from "../../shared/wire/runtime-files.ts";
import { StateFile } from "../control/state-file.ts";

export class RuntimeStatus {
  readonly #file: StateFile<AgentRuntime>;
  readonly #onTrouble: (message: string) => void;
  #now: AgentRuntime;

  /** @param onTrouble told when the file cannot be written: it is for others, and nothing here stops for it */
  constructor(folder: string, service: string, instance: string, onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble;
    this.#file = new StateFile<AgentRuntime>(folder, AGENT_RUNTIME_FILE, (value) => agentRuntimeSchema.parse(value));
    this.#now = { pid: process.pid, service, instance, phase: "starting", ports: {} };
    this.#save();
  }

  update(change: Partial<AgentRuntime>): void {
    this.#now = { ...this.#now, ...change };
    this.#save();
  }

  /** @param port undefined: the listener is closed */
  setPort(name: keyof AgentRuntime["ports"], port: number | undefined): void {
    const { [name]: _, ...others } = this.#now.ports;
    this.update({ ports: port === undefined ? others : { ...others, [name]: port } });
  }

  /** The application is gone. */
  stopped(): void {
    const { appPid: _, ...rest } = this.#now;
    this.#now = { ...rest, phase: "stopped" };
    this.#save();
  }

  #save(): void {
    try {
      this.#file.saveNow(this.#now);
    } catch (error) {
      this.#onTrouble(`${this.#file.path} is not written: ${(error as Error).message}`);
    }
  }
}
