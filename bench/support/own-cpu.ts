/** The CPU time of a proof's own code, in this process: sockets and the rest of a request are louder than it. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../../cli/local/package-root.ts";
import { type ApiKeyProvider, presentedKey } from "../../shared/auth/api-key.ts";
import { KEY_RANDOM_BYTES, keyOf } from "../../shared/auth/key-form.ts";
import { missingScopes } from "../../shared/auth/scopes.ts";
import type { Identity } from "../../shared/identity/identity.ts";

/** What of `workers/gateway/authority/key-verifier.ts` is used here; its own types are of another runtime. */
interface KeyVerifier {
  verify(key: string, provider: ApiKeyProvider, call: object): Identity | string | Promise<Identity | string>;
}

const KEYS = 5_000;
const WARM_UP = 200_000;

const provider: ApiKeyProvider = { kind: "api-key", header: "x-api-key", bearer: false, prefix: "slv", foreign: false };

/**
 * Known keys in turn, from the field of the request to the scopes of the route.
 * @returns microseconds a request, of each round
 */
export async function keyMicroseconds(rounds: number, requests: number): Promise<number[]> {
  const file = path.join(packageRoot, "workers", "gateway", "authority", "key-verifier.ts");
  const module = (await import(pathToFileURL(file).href)) as { KeyVerifier: new () => KeyVerifier };
  const verifier = new module.KeyVerifier();
  const fields = Array.from({ length: KEYS }, () => {
    const key = keyOf("slv", crypto.getRandomValues(new Uint8Array(KEY_RANDOM_BYTES))) ?? "";
    return new Headers({ "user-agent": "bench", accept: "*/*", "x-api-key": key });
  });
  const prove = async (headers: Headers): Promise<void> => {
    const key = presentedKey(provider, (name) => headers.get(name), "") ?? "";
    const proven = verifier.verify(key, provider, callOf(Date.now()));
    const identity = proven instanceof Promise ? await proven : proven;
    if (typeof identity === "string") throw new Error(identity);
    if (missingScopes(identity.scopes, ["bench"]).length > 0) throw new Error("the key lost its scope");
  };
  const run = async (count: number): Promise<number> => {
    const before = process.cpuUsage();
    for (let at = 0; at < count; at++) await prove(fields[at % KEYS] as Headers);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  await run(WARM_UP);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) found.push(await run(requests));
  return found;
}

/** Objects that know every key. */
const record = { id: "0", prefix: "slv", start: "slv_", owner: "bench", scopes: ["bench"], groups: [], createdAtMs: 0 };
const changes = { revision: 0, added: 1, changed: [] };
const shard = { lookUp: async () => ({ ...changes, record }), confirm: async () => changes };
const env = { KEY_PEPPER: Buffer.alloc(32, 1).toString("base64url"), KEYS: { getByName: () => shard } };
const ctx = { waitUntil: () => undefined };
const callOf = (nowMs: number): object => ({ env, ctx, clientIp: "127.0.0.1", nowMs });
