/**
 * Administration of API keys: an entrypoint of its own, which the control plane alone reaches (`shared/wire/keys.ts`). Calls are seldom, and what answers
 * them is loaded by the first.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Env } from "../env.ts";

export class KeyAdmin extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const { keyCalls } = await import("./key-calls.ts");
    return keyCalls.fetch(request, this.env, this.ctx);
  }
}
