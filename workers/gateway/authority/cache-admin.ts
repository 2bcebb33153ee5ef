/**
 * Purges of stored answers: an entrypoint of its own, which the control plane alone reaches (`shared/wire/purges.ts`). Calls are seldom, and what answers
 * them is loaded by the first.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Env } from "../env.ts";

export class CacheAdmin extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const { cacheCalls } = await import("./cache-calls.ts");
    return cacheCalls.fetch(request, this.env, this.ctx);
  }
}
