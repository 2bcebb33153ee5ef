import { SelvageError } from "../../../shared/errors.ts";
import { type GrpcCall, grpcCallOf } from "../../../shared/http/grpc-answer.ts";
import { GRPC_PUSHBACK, GRPC_STATUS, parseGrpcStatus, parsePushbackMs } from "../../../shared/http/grpc-call.ts";
import { limits } from "../../../shared/limits.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import {
  type IdempotencyOutcome,
  type IdempotencySettings,
  outstandingSeconds,
} from "../../../shared/policy/idempotency.ts";
import {
  keptFields,
  outcomeOfAnswer,
  outcomeOfCall,
  outcomeOfFailure,
  REPLAYED,
} from "../../../shared/policy/idempotency-answer.ts";
import { fingerprintText, readIdempotencyKey } from "../../../shared/policy/idempotency-key.ts";
import type { KeptAnswer, StoreAnswer } from "../objects/idempotency-store.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { IdempotencyRecords, RecordAddress } from "../upstream/idempotency-records.ts";
import { readContent } from "../upstream/read-content.ts";
import { AnswerRoom, type Recorded, readableFields, recordAnswer } from "../upstream/record-answer.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import type { AroundStage, Stage } from "../upstream/stages.ts";
import { notePassed, noteWouldRefuse } from "../upstream/would-refuse.ts";

/**
 * Of requests with the same key one is carried out; the others get its answer.
 * @param held what the isolate holds of bodies
 */
export function idempotency(records: IdempotencyRecords, held: HeldBytes, counters: CounterState): Stage {
  return {
    span: "idempotency",
    needs: (c) => c.get("route").idempotency !== undefined,
    around: carryOutOnce(records, held, counters),
  };
}

function carryOutOnce(records: IdempotencyRecords, held: HeldBytes, counters: CounterState): AroundStage["around"] {
  return async (c, next) => {
    const settings = c.get("route").idempotency;
    if (settings === undefined) return next();
    const key = keyOf(c, settings, counters);
    if (key === undefined) return next();
    const address = await records.addressOf(c.env, c.get("route").name, c.get("identity"), key);
    const work = new Attempt(c, settings, { records, held }, address).perform(await fingerprintOf(c, settings), next);
    // A client that leaves comes back with the same key: what it began is finished for that.
    c.executionCtx.waitUntil(work.catch(() => undefined));
    return work;
  };
}

function keyOf(c: Context<GatewayEnv>, settings: IdempotencySettings, counters: CounterState): string | undefined {
  const { method, headers } = c.req.raw;
  const read = readIdempotencyKey(settings, method, headers.get(settings.header));
  const isLacking = read.kind === "missing" || read.kind === "invalid";
  if (settings.mode === "shadow" && isLacking) {
    noteWouldRefuse(c, counters, { policy: "idempotency", error: `idempotency_key_${read.kind}` });
    return undefined;
  }
  if (settings.mode === "shadow" && settings.methods.includes(method)) notePassed(c, counters, "idempotency");
  if (read.kind === "none") return undefined;
  if (read.kind === "key") return read.key;
  if (read.kind === "missing") throw refusal(c, settings, "idempotency_key_missing", `no ${settings.header}`);
  throw refusal(c, settings, "idempotency_key_invalid", read.reason);
}

async function fingerprintOf(c: Context<GatewayEnv>, settings: IdempotencySettings): Promise<string> {
  const contentDigest = await sha256Hex(await readContent(c));
  const { method, headers } = c.req.raw;
  const { host, query } = c.get("target");
  const header = (name: string): string | null => headers.get(name);
  const request = { method, host, path: c.get("path"), query, header, contentDigest };
  const text = fingerprintText(request, settings, c.get("identity").method === "anonymous");
  return sha256Hex(text);
}

/** One request under its key. */
class Attempt {
  readonly #c: Context<GatewayEnv>;
  readonly #settings: IdempotencySettings;
  readonly #records: IdempotencyRecords;
  readonly #held: HeldBytes;
  readonly #address: RecordAddress;
  readonly #name = crypto.randomUUID();

  constructor(
    c: Context<GatewayEnv>,
    settings: IdempotencySettings,
    { records, held }: { records: IdempotencyRecords; held: HeldBytes },
    address: RecordAddress,
  ) {
    this.#c = c;
    this.#settings = settings;
    this.#records = records;
    this.#held = held;
    this.#address = address;
  }

  async perform(fingerprint: string, next: () => Promise<void>): Promise<Response | undefined> {
    const answer = await this.#begin(fingerprint);
    if (answer.kind === "replay") {
      this.#c.set("replayed", true);
      return replay(answer.answer);
    }
    if (answer.kind !== "run") throw this.#refusalOf(answer);
    await next();
    await this.#finish();
    return undefined;
  }

  async #begin(fingerprint: string): Promise<StoreAnswer> {
    const { ttlMs, onUnknown, waitMs = Number.POSITIVE_INFINITY } = this.#settings;
    const leftMs = Math.max(0, this.#c.get("deadlineAtMs") - Date.now());
    const { answerWithinMs, storeWithinMs } = limits.idempotency;
    const leaseMs = leftMs + answerWithinMs + storeWithinMs;
    const question = { fingerprint, attempt: this.#name, leaseMs, ttlMs, onUnknown, waitMs: Math.min(waitMs, leftMs) };
    try {
      return await this.#records.begin(this.#c.env, this.#address, question);
    } catch (cause) {
      // It may have got the lock all the same.
      this.#c.executionCtx.waitUntil(this.#settle("released", 0));
      throw cause;
    }
  }

  /** What became of it: the stages inside have made an answer, or what stands for one. */
  async #finish(): Promise<void> {
    const c = this.#c;
    const failure = c.get("failure");
    if (failure !== undefined) return this.#settle(outcomeOfFailure(failure), 0);
    const { res } = c;
    const outcome = outcomeOf(res);
    if (outcome !== "kept") return this.#settle(outcome, res.status);
    const recorded = Promise.withResolvers<void>();
    c.executionCtx.waitUntil(recorded.promise);
    const room = new AnswerRoom(this.#held, this.#settings.answerBytesMax);
    const answer = await recordAnswer(res, room, async (content) => {
      await this.#keep(res, content);
      room.leave();
      recorded.resolve();
    });
    if (answer === res) return;
    c.res = answer;
  }

  async #keep({ status, headers }: Response, content: Recorded): Promise<void> {
    if (content.kind === "broken") return this.#settle("unknown", status);
    const outcome = content.kind === "whole" ? await outcomeAtEnd(headers, content.body) : "kept";
    if (outcome !== "kept") return this.#settle(outcome, status);
    const fields = content.kind === "whole" ? keptFields(readableFields(headers)) : undefined;
    if (content.kind === "partly" || fields === undefined) return this.#settle("unkept", status);
    return this.#settle("kept", status, { status, fields, body: content.body });
  }

  async #settle(outcome: IdempotencyOutcome, status: number, answer?: KeptAnswer): Promise<void> {
    const { ttlMs } = this.#settings;
    const settlement = { attempt: this.#name, outcome, status, ttlMs, ...(answer !== undefined && { answer }) };
    if (await this.#records.settle(this.#c.env, this.#address, settlement)) return;
    const traceId = this.#c.get("trace").traceId;
    console.warn(JSON.stringify({ kind: "idempotency", traceId, reason: `${outcome} could not be noted` }));
  }

  #refusalOf(answer: Exclude<StoreAnswer, { kind: "run" | "replay" }>): SelvageError {
    const refuse = (code: SelvageError["code"], reason: string, members: Record<string, unknown> = {}): SelvageError =>
      refusal(this.#c, this.#settings, code, reason, members);
    switch (answer.kind) {
      case "running":
        this.#c.header("retry-after", String(outstandingSeconds(answer.runningMs, answer.leaseLeftMs)));
        return refuse("request_outstanding", `the first one has run for ${answer.runningMs} ms`);
      case "full":
        this.#c.header("retry-after", String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000))));
        return refuse("idempotency_full", "the records of this identity are full");
      case "mismatch":
        return refuse("idempotency_key_reused", "the fingerprint is another");
      case "unkept":
        return refuse("answer_not_kept", `the first answer was ${answer.status}`, { "original-status": answer.status });
      case "unknown":
        return refuse("outcome_unknown", "the first request ended without an answer, or its isolate did");
    }
  }
}

/** What an answer's head says; a call by gRPC-Web says more at its end, but for one that has no content. */
function outcomeOf({ status, headers, body }: Response): IdempotencyOutcome {
  const outcome = outcomeOfAnswer(status, headers.has("retry-after"));
  if (outcome !== "kept" || callOf(headers) === undefined) return outcome;
  const code = parseGrpcStatus(headers.get(GRPC_STATUS) ?? undefined);
  if (code === undefined && body !== null) return outcome;
  return outcomeOfCall(code, parsePushbackMs(headers.get(GRPC_PUSHBACK) ?? undefined));
}

async function outcomeAtEnd(headers: Headers, body: Uint8Array | null): Promise<IdempotencyOutcome> {
  const call = callOf(headers);
  if (call === undefined || headers.has(GRPC_STATUS)) return "kept";
  const { endingOf } = await import("../../../shared/http/grpc-web-ending.ts");
  const ending = endingOf(body ?? new Uint8Array(), call.kind === "web-text");
  return outcomeOfCall(parseGrpcStatus(ending?.get(GRPC_STATUS)), parsePushbackMs(ending?.get(GRPC_PUSHBACK)));
}

/** Whether it answers a call, and in which form. */
const callOf = (headers: Headers): GrpcCall | undefined => grpcCallOf("POST", headers.get("content-type"));

function replay({ status, fields, body }: KeptAnswer): Response {
  const headers = new Headers(fields.map(([name, value]) => [name, value] as [string, string]));
  headers.set(REPLAYED, "true");
  return new Response(body, { status, headers });
}

/** The draft asks for a link to what a client should know (section 2.7). */
function refusal(
  c: Context<GatewayEnv>,
  { documentation }: IdempotencySettings,
  code: SelvageError["code"],
  reason: string,
  members: Record<string, unknown> = {},
): SelvageError {
  if (documentation === undefined) return new SelvageError(code, reason, { members });
  c.header("link", `<${documentation}>; rel="describedby"; type="text/html"`);
  return new SelvageError(code, reason, { members: { type: documentation, ...members } });
}
