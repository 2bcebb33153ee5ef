import { readFileSync } from "node:fs";
import path from "node:path";
import { AGENT_RUNTIME_FILE, type AgentRuntime, agentRuntimeSchema } from "../../shared/wire/runtime-files.ts";

/** What an agent says of itself; undefined when it has said nothing yet, or the file is of another process. */
export function readAgentRuntime(agentState: string, pid: number): AgentRuntime | undefined {
  try {
    const runtime = agentRuntimeSchema.parse(
      JSON.parse(readFileSync(path.join(agentState, AGENT_RUNTIME_FILE), "utf8")),
    );
    return runtime.pid === pid ? runtime : undefined;
  } catch {
    return undefined;
  }
}
