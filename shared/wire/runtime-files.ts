/** Files by which local processes find each other: names and shapes. All lie in a state folder (mode 0700). */
import * as z from "zod/mini";

/** `<state>/local.json`, mode 0600: where the local system is and how to administer it. */
export const localSystemSchema = z.object({
  control: z.string(),
  gateway: z.string(),
  adminToken: z.string(),
  /** Loopback API of the supervisor (restart of a child), with its bearer token. */
  supervisor: z.optional(z.object({ url: z.string(), token: z.string() })),
  /** What `${env:NAME}` of a document means here where the environment of whoever applies it has no such name. */
  environment: z.optional(z.record(z.string(), z.string())),
});
export type LocalSystem = z.infer<typeof localSystemSchema>;
export const LOCAL_SYSTEM_FILE = "local.json";

/** `<agent state>/runtime.json`: what an agent process is right now. */
export const agentRuntimeSchema = z.object({
  pid: z.int(),
  service: z.string(),
  instance: z.string(),
  phase: z.enum(["starting", "ready", "draining", "stopped"]),
  /** Process of the application; absent for ingress or while it is not running. */
  appPid: z.optional(z.int()),
  ports: z.object({
    inbound: z.optional(z.int()),
    outbound: z.optional(z.int()),
    ingress: z.optional(z.int()),
    expose: z.optional(z.int()),
    admin: z.optional(z.int()),
    app: z.optional(z.int()),
  }),
});
export type AgentRuntime = z.infer<typeof agentRuntimeSchema>;
export const AGENT_RUNTIME_FILE = "runtime.json";

/** `<state>/processes.json`: every child of the local system, an array of these. */
export interface ProcessEntry {
  /** For `demo:restart`; an application and its agent share it. */
  readonly name: string;
  readonly role: "front" | "gateway" | "control" | "idp" | "ingress" | "agent" | "app";
  readonly service: string;
  readonly version: string;
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
}
export const PROCESSES_FILE = "processes.json";
