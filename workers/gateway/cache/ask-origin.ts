/** A request that goes to the upstream, and what becomes of its answer in the stores. */
import { notModifiedFields } from "../../../shared/cache/answer-from.ts";
import type { CacheStatus } from "../../../shared/cache/cache-status.ts";
import { forwardEdits } from "../../../shared/cache/forward-edits.ts";
import { judgeAnswer, staleInstead } from "../../../shared/cache/judge-answer.ts";
import { statedBytes } from "../../../shared/cache/storable.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import type { ForwardVerdict, Judgement } from "../../../shared/cache/verdict.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { readableFields } from "../upstream/record-answer.ts";
import type { BodySink } from "./cache-store.ts";
import { answerOfUpstream } from "./client-answer.ts";
import type { Turn } from "./collapser.ts";
import { type CacheExchange, keyOf, type StoredAs } from "./exchange-of.ts";
import type { StoreOutcome } from "./store-body.ts";

/** What serves: the upstream's own answer, or what is stored. */
export type Asked =
  | {
      readonly kind: "upstream";
      readonly response: Response;
      readonly status: CacheStatus;
      /** As what it is being stored; absent: it is not. */
      readonly head?: StoredAs;
    }
  | {
      readonly kind: "stored";
      readonly head: StoredHead;
      /** Whether it serves because the upstream failed. */
      readonly failed: boolean;
      /** `Set-Cookie` fields for this client alone. */
      readonly cookies: readonly string[];
      readonly status: CacheStatus;
    };

/** One call: what came, and when. */
interface Came {
  readonly response: Response;
  /** As it is judged. */
  readonly headers: Headers;
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
}

/**
 * @param turn of those who wait for this request's answer; it is ended whatever happens
 * @throws SelvageError when there is no answer, and none that is stored serves instead
 */
export async function askOrigin(
  exchange: CacheExchange,
  verdict: ForwardVerdict,
  turn: Turn | undefined,
  deadlineAtMs: number,
): Promise<Asked> {
  const { edge, ctx, keys, request, settings } = exchange;
  // What is purged from now on is not this answer's past.
  const purge = edge.purges.log.number;
  let came: Came;
  try {
    came = await send(exchange, verdict, turn?.kind === "alone", deadlineAtMs);
  } catch (cause) {
    const head = isOutage(cause) ? staleInstead(verdict, Date.now()) : undefined;
    endTurn(exchange, turn, head === undefined ? "failed" : "unstorable");
    if (head === undefined) throw cause;
    return { kind: "stored", head, failed: true, cookies: [], status: { fwd: verdict.why, detail: "unreachable" } };
  }
  const { response, headers, requestedAtMs, receivedAtMs } = came;
  const origin = { id: crypto.randomUUID(), purge, requestedAtMs, receivedAtMs };
  const answer = { status: response.status, fields: headers };
  const judged = judgeAnswer(answer, { keys, request, verdict, settings, origin });
  settleStores(exchange, judged);
  if (judged.invalidates !== undefined) await edge.invalidate(judged.invalidates, ctx);
  if (judged.serve === "again") {
    await response.body?.cancel();
    return askOrigin(exchange, { ...verdict, held: [] }, turn, deadlineAtMs);
  }
  const status: CacheStatus = { fwd: verdict.why, fwdStatus: response.status };
  if (judged.serve === "stored" && judged.head !== undefined) {
    await response.body?.cancel();
    const { head, failed = false, cookies = [] } = judged;
    // What serves in need, or was confirmed for this client alone, is as stale to the others as before: they ask at once.
    endTurn(exchange, turn, judged.updates.length > 0 ? "stored" : "unstorable");
    return { kind: "stored", head, failed, cookies, status };
  }
  return { kind: "upstream", ...serveUpstream(exchange, judged, came, turn, status) };
}

/** A refusal, such as that of an agent whose service does not let this client in, is nothing that an older answer may stand in for. */
const isOutage = (cause: unknown): boolean =>
  cause instanceof SelvageError && cause.facts.status >= 500 && cause.code !== "internal";

/** @param isApart whether answers to such requests were not stored of late */
async function send(
  exchange: CacheExchange,
  verdict: ForwardVerdict,
  isApart: boolean,
  deadlineAtMs: number,
): Promise<Came> {
  const { request, settings, isRaw } = exchange;
  const requestedAtMs = Date.now();
  const response = await exchange.send(forwardEdits(verdict, request, settings, isApart), deadlineAtMs);
  const headers = isRaw ? response.headers : readableFields(response.headers);
  return { response, headers, requestedAtMs, receivedAtMs: Date.now() };
}

/** What an answer says of others that are stored. It is carried out beside the answer, in memory at once. */
function settleStores({ edge, ctx, keys, reach }: CacheExchange, { updates, removes }: Judgement): void {
  if (keys === undefined) return;
  for (const head of updates) ctx.waitUntil(edge.store.replace(keyOf(keys, head), head, reach));
  if (removes.length > 0)
    for (const key of new Set([keys.own, keys.shared ?? keys.own]))
      ctx.waitUntil(edge.store.remove(key, reach, removes));
}

function serveUpstream(
  exchange: CacheExchange,
  judged: Judgement,
  came: Came,
  turn: Turn | undefined,
  status: CacheStatus,
): Omit<Extract<Asked, { kind: "upstream" }>, "kind"> {
  const { isRaw } = exchange;
  const { response, headers } = came;
  const storing = storingOf(exchange, judged, came, turn);
  if (storing === undefined) {
    endTurn(exchange, turn, "unstorable");
    const detail = judged.notStored ?? "too-large";
    const body = judged.notModified === true ? null : response.body;
    if (body === null) void response.body?.cancel();
    const answer = judged.notModified === true ? notModified(headers) : { ...headOf(response), headers };
    return { response: answerOfUpstream(answer, body, isRaw), status: { ...status, detail } };
  }
  const stored = { ...status, stored: true };
  const { body, head } = storing;
  if (judged.notModified !== true)
    return { response: answerOfUpstream({ ...headOf(response), headers }, body, isRaw), status: stored, head };
  // The client has it: what came is for the store alone.
  void body?.cancel();
  return { response: answerOfUpstream(notModified(headers), null, isRaw), status: stored };
}

const headOf = ({ status, statusText }: Response) => ({ status, statusText });

const notModified = (headers: Headers) => ({
  status: 304,
  statusText: "Not Modified",
  headers: new Headers(notModifiedFields(headers, headers.has("etag")) as [string, string][]),
});

interface Storing {
  readonly head: StoredAs;
  readonly body: ReadableStream | null;
}

/** @returns undefined: it is not stored */
function storingOf(
  exchange: CacheExchange,
  { store, invalidates }: Judgement,
  { response, headers }: Came,
  turn: Turn | undefined,
): Storing | undefined {
  const { edge, ctx, keys, settings, reach, isRaw } = exchange;
  if (store === undefined || keys === undefined) return undefined;
  // Its content is not as its entity tag has it.
  if (!isRaw && response.headers.has("content-encoding")) return undefined;
  const bytes = statedBytes({ status: response.status, fields: headers });
  const bytesMax = settings.bodyBytesMax ?? Number.POSITIVE_INFINITY;
  if ((bytes ?? 0) > bytesMax) return undefined;
  const key = keyOf(keys, store.head);
  // What the same request has made invalid was there before its answer.
  const head = invalidates === undefined ? store.head : { ...store.head, purge: edge.purges.log.number };
  const sink = edge.store.put(key, head, bytes, reach, Date.now());
  if (sink === undefined) return undefined;
  // Where identities share a route all of them wait together, and one's own answer is for none of the others.
  const isForWaiting = keys.shared === undefined || store.key === "shared";
  const ended = async (outcome: StoreOutcome): Promise<void> => {
    if (outcome === "stored" && store.replaces.length > 0) await edge.store.remove(key, reach, store.replaces);
    await turn?.end(outcome === "stored" && !isForWaiting ? "unstorable" : TURN_ENDS[outcome]);
  };
  if (response.body === null) {
    const committed = Promise.resolve(sink.commit());
    ctx.waitUntil(committed.then((isStored) => ended(isStored ? "stored" : "unstored")));
    return { body: null, head: { ...head, stored: committed } };
  }
  const storing = edge.store.store(response.body, bounded(sink, bytesMax), bytes);
  // Those of other isolates look into stores that take longer than memory.
  const isFound = settings.collapse === "everywhere" ? storing.ended : storing.outcome;
  ctx.waitUntil(isFound.then(async () => ended(await storing.outcome)));
  ctx.waitUntil(storing.ended);
  const body = bytes === undefined ? storing.body : storing.body.pipeThrough(new FixedLengthStream(bytes));
  return { body, head: { ...head, stored: storing.ended } };
}

/** What a body that broke off says of the next one is nothing. */
const TURN_ENDS = { stored: "stored", unstored: "unstorable", broken: "failed" } as const;

/** Takes no more than the route keeps of one answer. */
function bounded(sink: BodySink, bytesMax: number): BodySink {
  if (bytesMax === Number.POSITIVE_INFINITY) return sink;
  let bytes = 0;
  return {
    write: (piece) => {
      bytes += piece.byteLength;
      return bytes <= bytesMax && sink.write(piece);
    },
    commit: () => sink.commit(),
    abort: () => sink.abort(),
    settled: async () => sink.settled?.(),
  };
}

/** Those who wait look again, whatever becomes of this request. */
function endTurn({ ctx }: CacheExchange, turn: Turn | undefined, outcome: Parameters<Turn["end"]>[0]): void {
  if (turn !== undefined) ctx.waitUntil(turn.end(outcome));
}
