/** The retry machine against made-up exchanges: whatever endpoints do, law 7 holds and everything is given back. */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import { OutboundCall } from "../../../mesh-agent/outbound/outbound-call.ts";
import { sendWithRetries } from "../../../mesh-agent/outbound/send-with-retries.ts";
import { answerErrors } from "../../../mesh-agent/proxy/answer-errors.ts";
import { runStages } from "../../../mesh-agent/proxy/call.ts";
import { DeadlineWatch } from "../../../mesh-agent/proxy/deadline-watch.ts";
import {
  type BodyReader,
  type BodyWriter,
  type ClientExchange,
  ExchangeError,
  type FailReason,
  type ResponseHead,
  type ServerExchange,
} from "../../../mesh-agent/proxy/engine.ts";
import { Metrics } from "../../../mesh-agent/telemetry/metrics.ts";
import type { Sent } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import type { HedgeSettings } from "../../../shared/policy/settings.ts";
import { outboundDefaults } from "../support/control-plane.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** What an endpoint does with an attempt after it got so many chunks of the body. */
type Act = { /** Steps until it does. */ readonly after?: number } & (
  | { readonly kind: "fail"; readonly reason: FailReason; readonly sent: Sent }
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly fields: Record<string, string>;
      readonly breaks: boolean;
    }
  | { readonly kind: "silence" }
);

class Reader implements BodyReader {
  chunk: ((chunk: Buffer) => void) | undefined;
  end: ((trailers: FieldList) => void) | undefined;
  paused = false;
  onRead = (): void => {};
  onChunk(callback: (chunk: Buffer) => void): void {
    this.chunk = callback;
    setTimeout(() => this.onRead(), 0);
  }
  onEnd(callback: (trailers: FieldList) => void): void {
    this.end = callback;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

class Writer implements BodyWriter {
  bytes = "";
  ended = false;
  write(chunk: Buffer): boolean {
    this.bytes += chunk;
    return true;
  }
  onDrain(): void {}
  end(): void {
    this.ended = true;
  }
}

class Attempt implements ClientExchange {
  readonly body = new Writer();
  readonly act: Act;
  sent: Sent = "none";
  over = false;
  deadline: NodeJS.Timeout | undefined;
  #ran = false;
  #steps = 0;
  #onFail: (error: ExchangeError) => void = () => {};
  #onResponse: (head: ResponseHead, body: BodyReader) => void = () => {};
  constructor(act: Act) {
    this.act = act;
  }
  onInform(): void {}
  idleAfter(): void {}
  onFail(callback: (error: ExchangeError) => void): void {
    this.#onFail = callback;
  }
  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void {
    this.#onResponse = callback;
  }
  abort(): void {
    this.over = true;
    clearTimeout(this.deadline);
  }
  fail(reason: FailReason, sent: Sent): void {
    if (this.over) return;
    this.abort();
    this.#onFail(new ExchangeError(reason, sent, "made up"));
  }
  run(): void {
    const { act } = this;
    if (this.over || this.#ran || act.kind === "silence") return;
    if (this.#steps++ < (act.after ?? 0)) return;
    this.#ran = true;
    if (act.kind === "fail") this.fail(act.reason, act.sent);
    else this.#answer(act);
  }
  #answer(act: Extract<Act, { kind: "answer" }>): void {
    clearTimeout(this.deadline);
    const reader = new Reader();
    // As the contract says: nothing of a body is read before somebody wants it.
    reader.onRead = () => {
      reader.chunk?.(Buffer.from("o"));
      if (act.breaks) this.fail("reset", "body");
      if (this.over) return;
      reader.chunk?.(Buffer.from("k"));
      reader.end?.(new FieldList());
    };
    this.#onResponse({ status: act.status, fields: FieldList.from(Object.entries(act.fields)), bodyLength: 2 }, reader);
  }
}

interface Scene {
  readonly method: string;
  readonly chunks: readonly string[];
  readonly acts: readonly Act[];
  /** How many chunks have come when the first endpoint acts. */
  readonly early: number;
  /** The caller leaves after so many steps. */
  readonly leaves: number | undefined;
  readonly attempts: number;
  readonly hedge?: HedgeSettings;
  /** Hedges that the budget has. */
  readonly saved?: number;
}

function play(scene: Scene) {
  vi.clearAllTimers();
  const waits = new DeadlineWatch(1);
  /** Attempts that were under way when another one left. */
  const beside: number[] = [];
  const attempts: Attempt[] = [];
  const clusters = new Clusters(() => ({
    send: (_head, timeoutMs) => {
      beside.push(attempts.filter(({ over, act: { kind } }) => !over && kind !== "answer").length);
      const attempt = new Attempt(scene.acts[attempts.length] ?? { kind: "silence" });
      attempts.push(attempt);
      attempt.deadline = setTimeout(() => attempt.fail("timeout", "body"), timeoutMs);
      return attempt;
    },
    counts: () => ({ open: 0, idle: 0, waiting: 0, active: 0 }),
    close: () => {},
  }));
  const settings = {
    ...outboundDefaults,
    retries: { attempts: scene.attempts, on: ["5xx" as const] },
    ...(scene.hedge !== undefined && { hedge: scene.hedge }),
  };
  const endpoints = ["a", "b", "c"].map((instance) => ({ instance, host: "h", port: 1, labels: {} }));
  clusters.update({ orders: settings }, { orders: endpoints });
  const body = new Reader();
  const answer = new Writer();
  const statuses: number[] = [];
  let aborted = false;
  let gone: (error: ExchangeError) => void = () => {};
  let done = (): void => {};
  const exchange: ServerExchange = {
    head: {
      method: scene.method,
      target: "/",
      fields: new FieldList(),
      bodyLength: scene.chunks.length ? "stream" : 0,
    },
    body,
    peer: { address: "", port: 0 },
    idleAfter: () => undefined,
    inform: () => {},
    respond: ({ status }) => {
      statuses.push(status);
      return answer;
    },
    abort: () => {
      aborted = true;
    },
    onFail: (callback) => {
      gone = callback;
    },
    onDone: (callback) => {
      done = callback;
    },
  };
  const call = new OutboundCall(exchange, 1, performance.now());
  const cluster = clusters.get("orders");
  if (cluster === undefined) throw new Error("no cluster");
  call.cluster = cluster;
  cluster.hedge.saved = scene.saved ?? 0;
  call.deadlineMs = performance.now() + 5_000;
  runStages<OutboundCall>([
    answerErrors("application"),
    sendWithRetries({ forAgents: false, metrics: new Metrics(), random: () => 0.5, waits }),
  ])(call);
  let fed = 0;
  const feed = (): void => {
    const chunk = scene.chunks[fed];
    if (body.paused || body.chunk === undefined || fed > scene.chunks.length) return;
    fed++;
    if (chunk !== undefined) body.chunk(Buffer.from(chunk));
    else body.end?.(new FieldList());
  };
  for (let step = 0; step < scene.early; step++) feed();
  for (let step = 0; step < 60 && !call.finished; step++) {
    if (step === scene.leaves) gone(new ExchangeError("reset", "none", "left"));
    for (const attempt of [...attempts]) attempt.run();
    for (let n = 0; n <= scene.chunks.length; n++) feed();
    vi.advanceTimersByTime(200);
    if (answer.ended && !call.finished) done();
  }
  return { attempts, statuses, aborted, answer, call, cluster, waits, beside };
}

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constant("fail" as const),
    reason: fc.constantFrom<FailReason>("reset", "timeout", "protocol"),
    sent: fc.constantFrom<Sent>("head", "body", "none"),
  }),
  fc.record({
    kind: fc.constant("fail" as const),
    reason: fc.constantFrom<FailReason>("connect", "refused", "identity"),
    sent: fc.constant<Sent>("none"),
  }),
  fc.record({
    kind: fc.constant("answer" as const),
    status: fc.constantFrom(200, 404, 409, 500, 503),
    fields: fc.constantFrom<Record<string, string>>(
      {},
      { "selvage-error": "draining", "selvage-sent": "none" },
      { "selvage-error": "app_reset", "selvage-sent": "body" },
      { "selvage-error": "access_denied", "selvage-sent": "none" },
    ),
    breaks: fc.boolean(),
  }),
  fc.constant<Act>({ kind: "silence" }),
);

const mayHaveHadEffect = ({ act: done }: Attempt): boolean =>
  done.kind === "silence" || (done.kind === "fail" ? done.sent !== "none" : done.fields["selvage-sent"] !== "none");

test("property: one answer, law 7, and everything given back", () => {
  const scene: fc.Arbitrary<Scene> = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT"),
    chunks: fc.array(fc.constantFrom("a", "bc", "x".repeat(40_000)), { maxLength: 5 }),
    acts: fc.array(act, { maxLength: 6 }),
    early: fc.nat(3),
    leaves: fc.option(fc.nat(5), { nil: undefined }),
    attempts: fc.nat(3),
  });
  fc.assert(
    fc.property(scene, (made) => {
      const { attempts, statuses, aborted, call, cluster, waits } = play(made);
      expect(call.finished).toBe(true);
      expect(statuses.length).toBeLessThanOrEqual(1);
      if (made.leaves === undefined) expect(statuses.length === 1 || aborted).toBe(true);
      expect(cluster.budget).toMatchObject({ active: 0, retrying: 0 });
      expect(waits.armed).toBe(0);
      vi.advanceTimersByTime(100_000);
      expect(vi.getTimerCount()).toBe(0);
      expect(attempts.length).toBeLessThanOrEqual(1 + Math.max(made.attempts, 2));
      if (made.method === "POST") expect(attempts.slice(0, -1).filter(mayHaveHadEffect)).toEqual([]);
      const whole = made.chunks.join("");
      for (const { body } of attempts) {
        expect(whole.startsWith(body.bytes)).toBe(true);
        if (body.ended) expect(body.bytes).toBe(whole);
      }
      for (const { breaker } of cluster.endpoints) expect(breaker.probedAtMs).toBe(0);
    }),
    { numRuns: 3000 },
  );
});

test("a small body is sent again whole, also what came between the attempts", () => {
  const scene: Scene = {
    method: "PUT",
    chunks: ["a", "b", "c"],
    acts: [
      { kind: "fail", reason: "reset", sent: "body" },
      { kind: "answer", status: 200, fields: {}, breaks: false },
    ],
    early: 2,
    leaves: undefined,
    attempts: 1,
  };
  const { attempts, statuses, answer } = play(scene);
  expect(statuses).toEqual([200]);
  expect(answer.bytes).toBe("ok");
  expect(attempts.map(({ body }) => body.bytes)).toEqual(["ab", "abc"]);
});

test("a large body is sent once", () => {
  const chunks = Array.from({ length: 4 }, () => "x".repeat(30_000));
  const acts: Act[] = [{ kind: "fail", reason: "reset", sent: "body" }];
  const { attempts, statuses } = play({ method: "PUT", chunks, acts, early: 4, leaves: undefined, attempts: 3 });
  expect(attempts).toHaveLength(1);
  expect(statuses).toEqual([502]);
});

test("property: hedges keep the budget and law 7, one answer wins, and everything is given back", () => {
  const slow = fc.tuple(act, fc.nat(3)).map(([one, after]): Act => ({ ...one, after }));
  const scene: fc.Arbitrary<Scene> = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT"),
    chunks: fc.array(fc.constantFrom("a", "x".repeat(40_000)), { maxLength: 3 }),
    acts: fc.array(slow, { maxLength: 6 }),
    early: fc.nat(3),
    leaves: fc.option(fc.nat(5), { nil: undefined }),
    attempts: fc.nat(2),
    // As a document that law 7 does not let through.
    hedge: fc.record({
      afterMs: fc.constantFrom(50, 300),
      max: fc.integer({ min: 1, max: 2 }),
      budgetPercent: fc.constant(0),
      methods: fc.constant(["GET", "POST", "PUT"]),
    }),
    saved: fc.nat(2),
  });
  let hedged = 0;
  fc.assert(
    fc.property(scene, (made) => {
      const { attempts, statuses, aborted, call, cluster, waits, beside } = play(made);
      expect(call.finished).toBe(true);
      expect(statuses.length).toBeLessThanOrEqual(1);
      if (made.leaves === undefined) expect(statuses.length === 1 || aborted).toBe(true);
      const hedges = (made.saved ?? 0) - cluster.hedge.saved;
      hedged += hedges;
      expect(hedges).toBeGreaterThanOrEqual(0);
      expect(attempts.length - hedges).toBeLessThanOrEqual(1 + Math.max(made.attempts, 2));
      expect(Math.max(0, ...beside)).toBeLessThanOrEqual(Math.min(made.hedge?.max ?? 0, hedges));
      if (made.method === "POST") expect(attempts.slice(0, -1).filter(mayHaveHadEffect)).toEqual([]);
      const whole = made.chunks.join("");
      for (const { body } of attempts) if (body.ended) expect(body.bytes).toBe(whole);
      expect(attempts.filter(({ over, act: { kind } }) => !over && kind !== "answer")).toEqual([]);
      expect(cluster.budget).toMatchObject({ active: 0, retrying: 0 });
      for (const { balance, breaker } of cluster.endpoints) {
        expect(balance.pending).toBe(0);
        expect(breaker.probedAtMs).toBe(0);
      }
      expect(waits.armed).toBe(0);
    }),
    { numRuns: 3000 },
  );
  expect(hedged).toBeGreaterThan(100);
});

const hedge: HedgeSettings = { afterMs: 50, max: 1, budgetPercent: 10, methods: ["GET"] };
const answered: Act = { kind: "answer", status: 200, fields: {}, breaks: false };
const hedgedScene = { method: "GET", chunks: [], early: 0, leaves: undefined, attempts: 2, hedge, saved: 1 };

test("a request without an answer goes to another endpoint, the first answer wins, the other attempt is broken off", () => {
  const { attempts, statuses, call } = play({ ...hedgedScene, acts: [{ kind: "silence" }, answered] });
  expect(statuses).toEqual([200]);
  expect(attempts.map(({ over }) => over)).toEqual([true, false]);
  expect(call.facts).toMatchObject({ attempts: 2, endpoint: "b" });
});

test("a bad answer does not win while another attempt is under way", () => {
  const bad: Act = { kind: "answer", status: 503, fields: {}, breaks: false, after: 1 };
  const { attempts, statuses } = play({ ...hedgedScene, attempts: 0, acts: [bad, { ...answered, after: 2 }] });
  expect(statuses).toEqual([200]);
  expect(attempts).toHaveLength(2);
});

test("without a budget nothing is sent twice", () => {
  const { attempts, statuses } = play({ ...hedgedScene, saved: 0, acts: [{ ...answered, after: 3 }] });
  expect(statuses).toEqual([200]);
  expect(attempts).toHaveLength(1);
});
