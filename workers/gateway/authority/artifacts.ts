/** What plans name by digest: fetched once by an isolate that needs it, and kept where the control plane need not be there. */
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { Env } from "../env.ts";
import { readBytes } from "../upstream/read-bytes.ts";
import { sha256Base64url } from "../upstream/sha256.ts";
import { until, within } from "../upstream/wait.ts";

const { fetchMs, retryMs, rememberedMax, rememberedBytesMax, bytesMax } = limits.artifacts;

type Wait = Pick<ExecutionContext, "waitUntil">;

/** When it was asked for last; requests share this, never promises. */
interface Asked {
  readonly sinceMs: number;
  isRunning: boolean;
  retryAtMs: number;
}

/** Artifacts of one kind, as an isolate remembers them: parsed, the oldest forgotten first. */
export class Artifacts<Parsed extends object> {
  readonly #parse: (bytes: Uint8Array) => Parsed | Promise<Parsed>;
  readonly #known = new BoundedMap<Parsed>(rememberedMax, rememberedBytesMax);
  readonly #asked = new BoundedMap<Asked>(rememberedMax);

  /** @param parse may throw: the artifact then counts as one that cannot be had */
  constructor(parse: (bytes: Uint8Array) => Parsed | Promise<Parsed>) {
    this.#parse = parse;
  }

  /** A promise only while this isolate has not got it. Undefined: it cannot be had now; why is in the log. Never fails. */
  take(digest: string, env: Env, ctx: Wait, nowMs: number): Parsed | Promise<Parsed | undefined> {
    return this.#known.get(digest) ?? this.#fetched(digest, env, ctx, nowMs);
  }

  async #fetched(digest: string, env: Env, ctx: Wait, nowMs: number): Promise<Parsed | undefined> {
    const asked = this.#asked.get(digest);
    if (asked?.isRunning === true && nowMs - asked.sinceMs < fetchMs) {
      await until(() => !asked.isRunning, asked.sinceMs + fetchMs - nowMs);
    } else if (asked === undefined || nowMs >= asked.retryAtMs || nowMs < asked.sinceMs) {
      const fetching = this.#fetch(digest, env, nowMs);
      ctx.waitUntil(fetching);
      await within(fetching, fetchMs);
    }
    return this.#known.get(digest);
  }

  async #fetch(digest: string, env: Env, nowMs: number): Promise<void> {
    const mark: Asked = { sinceMs: nowMs, isRunning: true, retryAtMs: 0 };
    this.#asked.set(digest, mark);
    try {
      const bytes = await fetchArtifact(digest, env);
      this.#known.set(digest, await this.#parse(bytes), bytes.byteLength);
    } catch (error) {
      mark.retryAtMs = Date.now() + retryMs;
      warn(digest, error);
    } finally {
      mark.isRunning = false;
    }
  }
}

/** Sees to it that artifacts of a plan can be had when the control plane is away. Never fails. */
export async function keepArtifacts(digests: readonly string[], env: Env): Promise<void> {
  for (const digest of digests) {
    try {
      if (!(await env.ARTIFACTS.getByName(digest).has())) await fetchArtifact(digest, env);
    } catch (error) {
      warn(digest, error);
    }
  }
}

/** Its bytes: as they are kept, else from the control plane. @throws when neither has them */
async function fetchArtifact(digest: string, env: Env): Promise<Uint8Array> {
  const keeper = env.ARTIFACTS.getByName(digest);
  const kept = await within(
    keeper.read().catch((error) => warn(digest, error)),
    fetchMs,
  );
  if (kept !== undefined) return kept;
  const response = await env.CONTROL.fetch(`http://control/v1/gateway/artifacts/${digest}`, {
    headers: { authorization: `Bearer ${env.CONTROL_TOKEN}` },
    signal: AbortSignal.timeout(fetchMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`control plane answered ${response.status}`);
  }
  const bytes = await readBytes(response, bytesMax);
  const found = await sha256Base64url(bytes);
  if (found !== digest) throw new Error(`the SHA-256 of what came is ${found}`);
  await keeper.write(bytes).catch((error) => warn(digest, error));
  return bytes;
}

function warn(artifact: string, error: unknown): undefined {
  console.warn(JSON.stringify({ kind: "artifact", artifact, reason: String(error) }));
}
