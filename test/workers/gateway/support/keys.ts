import { env, exports } from "cloudflare:workers";
import { SignJWT } from "jose";
import type { ApiKeyProvider, KeyRecord } from "../../../../shared/auth/api-key.ts";
import type { CreatedKey, CreateKeyRequest } from "../../../../shared/wire/keys.ts";
import type { Env } from "../../../../workers/gateway/env.ts";

export const bindings = env as unknown as Env;

export const partners: ApiKeyProvider = {
  kind: "api-key",
  header: "x-api-key",
  bearer: false,
  prefix: "slv",
  foreign: false,
};

/** A token of the control plane for the administration of keys; anything of it can be made wrong. */
export function keysToken(wrong: { role?: string; secret?: Uint8Array; exp?: number } = {}): Promise<string> {
  return new SignJWT({ role: wrong.role ?? "keys" })
    .setProtectedHeader({ alg: "HS256", typ: "selvage-control+jwt" })
    .setSubject("tester")
    .setIssuer("selvage")
    .setAudience("selvage-control")
    .setExpirationTime(wrong.exp ?? Math.floor(Date.now() / 1000) + 60)
    .sign(wrong.secret ?? new Uint8Array(32).fill(4));
}

const entrypoints = exports as unknown as { KeyAdmin: Fetcher; CacheAdmin: Fetcher };

/** One call of the administration of keys. @param token undefined: a good one */
export async function admin(method: string, path: string, body?: unknown, token?: string | null) {
  return call(entrypoints.KeyAdmin, method, path, body, token === undefined ? await keysToken() : token);
}

/** One call of the administration of stored answers. @param token undefined: a good one */
export async function cacheAdmin(method: string, path: string, body?: unknown, token?: string | null) {
  const bearer = token === undefined ? await keysToken({ role: "cache" }) : token;
  return call(entrypoints.CacheAdmin, method, path, body, bearer);
}

async function call(entrypoint: Fetcher, method: string, path: string, body: unknown, bearer: string | null) {
  const response = await entrypoint.fetch(`http://gateway${path}`, {
    method,
    headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  return { status: response.status, body: (await response.json()) as any };
}

export async function createKey(more: Partial<CreateKeyRequest> = {}): Promise<CreatedKey> {
  const { status, body } = await admin("POST", "/keys", { owner: "partner", scopes: ["orders:read"], ...more });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body;
}

export async function revokeKey(id: string): Promise<KeyRecord> {
  return (await admin("POST", `/keys/${id}/revoke`)).body;
}

/** The objects of keys, with every call counted. */
export class CountedKeys {
  lookUps = 0;
  confirmations = 0;
  mode: "up" | "down" | "silent" = "up";
  /** Runs after an object has answered and before the isolate hears of it. */
  onAnswer: (() => Promise<void>) | undefined;

  get namespace(): Env["KEYS"] {
    const getByName = (name: string) => {
      const stub = bindings.KEYS.getByName(name);
      return {
        lookUp: (...args: Parameters<typeof stub.lookUp>) => {
          this.lookUps++;
          return this.#answer(async () => stub.lookUp(...args));
        },
        confirm: (...args: Parameters<typeof stub.confirm>) => {
          this.confirmations++;
          return this.#answer(async () => stub.confirm(...args));
        },
      };
    };
    return { getByName } as unknown as Env["KEYS"];
  }

  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.mode === "down") throw new Error("Durable Object is overloaded.");
    if (this.mode === "silent") return new Promise(() => undefined);
    const answer = await ask();
    await this.onAnswer?.();
    return answer;
  }
}
