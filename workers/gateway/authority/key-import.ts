/** Many keys at once, as they stream in: hashed here, sent to their shards in batches. */
import * as z from "zod/mini";
import type { KeyRecord } from "../../../shared/auth/api-key.ts";
import { DEFAULT_KEY_PREFIX, keyStart, refuseForeignKey } from "../../../shared/auth/key-form.ts";
import { shardOf } from "../../../shared/auth/key-memory.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type ImportAnswer, type ImportLine, importLineSchema } from "../../../shared/wire/keys.ts";
import type { Env } from "../env.ts";
import type { StoredKey } from "../objects/key-shard.ts";
import { hashKey } from "./key-pepper.ts";
import { idOf, shardStub } from "./key-shards.ts";

/**
 * @param body NDJSON of `ImportLine`; empty lines count and are passed over. Lines that cannot be used do not stop the others
 * @throws SelvageError body_too_large: what came before is imported
 */
export async function importKeys(
  body: ReadableStream<Uint8Array> | null,
  env: Env,
  nowMs: number,
): Promise<ImportAnswer> {
  const run = new Import(env, nowMs);
  for await (const line of linesOf(body)) await run.take(line);
  return run.finish();
}

class Import {
  readonly #env: Env;
  readonly #nowMs: number;
  readonly #waiting: StoredKey[][] = Array.from({ length: limits.apiKeys.shards }, () => []);
  readonly #refusals: { line: number; reason: string }[] = [];
  #line = 0;
  #taken = 0;
  #imported = 0;
  #refused = 0;

  constructor(env: Env, nowMs: number) {
    this.#env = env;
    this.#nowMs = nowMs;
  }

  async take(text: string): Promise<void> {
    this.#line++;
    if (this.#line > limits.apiKeys.importLinesMax)
      throw new SelvageError("body_too_large", `more than ${limits.apiKeys.importLinesMax} lines`);
    if (text.trim() === "") return;
    const line = readLine(text);
    if (typeof line === "string") return this.#refuse(line);
    const hash = line.hash ?? (await hashKey(line.key ?? "", this.#env));
    const shard = shardOf(hash);
    const batch = this.#waiting[shard] as StoredKey[];
    batch.push({ hash, record: recordOf(line, shard, this.#nowMs) });
    this.#taken++;
    if (batch.length >= limits.apiKeys.importBatch) await this.#send(shard);
  }

  async finish(): Promise<ImportAnswer> {
    await Promise.all(this.#waiting.map((_, shard) => this.#send(shard)));
    const [imported, refused, refusals] = [this.#imported, this.#refused, this.#refusals];
    return { imported, known: this.#taken - imported, refused, refusals };
  }

  async #send(shard: number): Promise<void> {
    const batch = this.#waiting[shard]?.splice(0) ?? [];
    if (batch.length === 0) return;
    const added = await shardStub(this.#env, shard).add(batch);
    this.#imported += added;
  }

  #refuse(reason: string): void {
    this.#refused++;
    if (this.#refusals.length < limits.apiKeys.importRefusalsMax) this.#refusals.push({ line: this.#line, reason });
  }
}

/** @returns why it cannot be used, which never quotes it: it may hold a key */
function readLine(text: string): ImportLine | string {
  if (text.length > limits.apiKeys.importLineCharsMax)
    return `longer than ${limits.apiKeys.importLineCharsMax} characters`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  const { success, data, error } = z.safeParse(importLineSchema, json);
  if (!success) return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  if ((data.key === undefined) === (data.hash === undefined)) return "needs exactly one of key and hash";
  return (data.key === undefined ? undefined : refuseForeignKey(data.key)) ?? data;
}

function recordOf(line: ImportLine, shard: number, nowMs: number): KeyRecord {
  const { key, prefix = DEFAULT_KEY_PREFIX, owner, name, plan, scopes = [], groups = [], expiresAtMs } = line;
  return {
    id: idOf(shard),
    prefix,
    start: key === undefined ? (line.start ?? "") : keyStart(key, prefix),
    owner,
    ...(name !== undefined && { name }),
    ...(plan !== undefined && { plan }),
    scopes: [...new Set(scopes)],
    groups: [...new Set(groups)],
    createdAtMs: line.createdAtMs ?? nowMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  };
}

async function* linesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let rest = "";
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > limits.apiKeys.importBytesMax)
      throw new SelvageError("body_too_large", `more than ${limits.apiKeys.importBytesMax} bytes`);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
