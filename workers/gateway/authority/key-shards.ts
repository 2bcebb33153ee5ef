/** Which object has a key. */
import type { Env } from "../env.ts";

export function shardStub(env: Pick<Env, "KEYS">, shard: number) {
  return env.KEYS.getByName(`keys-${shard}`);
}

/** A new id: the shard in one hexadecimal digit, then 60 random bits. */
export function idOf(shard: number): string {
  const random = crypto.getRandomValues(new Uint8Array(8));
  const digits = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return shard.toString(16) + digits.slice(1);
}

export function shardOfId(id: string): number {
  return Number.parseInt(id.charAt(0), 16);
}
