/**
 * The cache before random origins, judged by an oracle that knows nothing of it: it replays what the origin said, and says for
 * each answer whether the origin could have given it within the rules of freshness.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CacheSettings } from "../../shared/cache/settings.ts";
import { formatHttpDate } from "../../shared/http/http-date.ts";
import { limits } from "../../shared/limits.ts";
import { CacheWorld, cacheRequest, type OriginRequest, type Pairs, type WorldAnswer } from "../support/cache-world.ts";

/** What an origin says with each answer, as numbers (seconds): the oracle reads no field. */
interface Policy {
  readonly maxAge?: number;
  readonly sMaxAge?: number;
  /** After now. */
  readonly expires?: number;
  readonly whileRevalidate?: number;
  readonly ifError?: number;
  readonly forbidsStale?: "must-revalidate" | "proxy-revalidate";
  readonly noCache?: true;
  readonly unstored?: "no-store" | "private";
  readonly targeted?: true;
  readonly age?: number;
  readonly dateBehind?: number;
  readonly validators: "none" | "strong" | "weak" | "date";
  readonly varies: boolean;
}

interface Step {
  readonly gap: number;
  readonly what: "get" | "get" | "head" | "post" | "change";
  readonly path: "/a" | "/b";
  readonly foo: "1" | "2" | undefined;
  readonly origin: "up" | "error" | "unreachable";
  readonly asks?:
    | { readonly name: "max-age" | "min-fresh" | "max-stale"; readonly seconds: number }
    | { readonly name: "no-cache" };
  readonly has: boolean;
  readonly range: boolean;
}

const seconds = fc.constantFrom(0, 1, 2, 5, 10, 20, 60);
/** @param percent how often there is one */
const some = <T>(percent: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: percent, arbitrary }, { weight: 100 - percent, arbitrary: fc.constant(undefined) });
const policies = fc
  .record({
    maxAge: some(70, seconds),
    sMaxAge: some(20, seconds),
    expires: some(30, fc.integer({ min: -10, max: 60 })),
    whileRevalidate: some(30, seconds),
    ifError: some(30, seconds),
    forbidsStale: some(15, fc.constantFrom("must-revalidate", "proxy-revalidate")),
    noCache: some(10, fc.constant(true as const)),
    unstored: some(5, fc.constantFrom("no-store", "private")),
    targeted: some(20, fc.constant(true as const)),
    age: some(20, seconds),
    dateBehind: some(20, seconds),
    validators: fc.constantFrom<Policy["validators"]>("none", "strong", "weak", "date"),
    varies: fc.boolean(),
  })
  .map((all): Policy => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as never);

const steps = fc.array(
  fc.record({
    gap: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 3, arbitrary: seconds },
      { weight: 1, arbitrary: fc.constant(400) },
    ),
    what: fc.constantFrom<Step["what"]>("get", "get", "get", "get", "get", "head", "post", "change"),
    path: fc.constantFrom<Step["path"]>("/a", "/a", "/b"),
    foo: fc.constantFrom<Step["foo"]>("1", "2", undefined),
    origin: fc.constantFrom<Step["origin"]>("up", "up", "up", "up", "error", "unreachable"),
    asks: some(
      20,
      fc.oneof(
        fc.record({ name: fc.constantFrom("max-age", "min-fresh", "max-stale"), seconds }),
        fc.constant({ name: "no-cache" } as const),
      ),
    ) as fc.Arbitrary<Step["asks"]>,
    has: fc.boolean(),
    range: fc.nat(5).map((one) => one === 0),
  }),
  { minLength: 5, maxLength: 40 },
) as fc.Arbitrary<Step[]>;

const settings = fc.constantFrom<CacheSettings>(
  {},
  { ttlMs: 10_000 },
  { ttlMs: 5_000, override: true },
  { staleWhileRevalidateMs: 5_000, staleIfErrorMs: 20_000 },
  { staleIfErrorMs: 0, keyFields: ["foo"] },
  { ignoreClient: true },
);

/** One state of a resource: what its answers are about. */
interface State {
  readonly path: string;
  readonly version: number;
  readonly foo: string;
  readonly sinceMs: number;
}

/** What the oracle remembers: a text that the origin has sent or confirmed, when, and by which policy. */
interface Said {
  readonly text: string;
  readonly etag: string | undefined;
  readonly path: string;
  readonly foo: string;
  readonly atMs: number;
  readonly bornAtMs: number;
  readonly policy: Policy;
  /** A tenth of the time from its last change to its date, where it told that; seconds. */
  readonly guessed: number;
  readonly settings: CacheSettings;
  /** Successful unsafe requests to its path until then. */
  readonly posts: number;
}

function controlOf(policy: Policy): string {
  const { maxAge, sMaxAge, whileRevalidate, ifError, forbidsStale, noCache, unstored } = policy;
  return [
    maxAge !== undefined && `max-age=${maxAge}`,
    sMaxAge !== undefined && `s-maxage=${sMaxAge}`,
    whileRevalidate !== undefined && `stale-while-revalidate=${whileRevalidate}`,
    ifError !== undefined && `stale-if-error=${ifError}`,
    forbidsStale,
    noCache && "no-cache",
    unstored,
  ]
    .filter(Boolean)
    .join(", ");
}

/** Resources that change, before a cache that does not know when. */
class RandomOrigin {
  readonly said: Said[] = [];
  readonly #versions = new Map<string, { version: number; sinceMs: number }>();
  readonly #posts = new Map<string, number>();
  readonly #policy: (path: string) => Policy;
  readonly #settings: CacheSettings;
  state: Step["origin"] = "up";

  constructor(policy: (path: string) => Policy, used: CacheSettings) {
    this.#policy = policy;
    this.#settings = used;
  }

  posts(path: string): number {
    return this.#posts.get(path) ?? 0;
  }

  change(path: string, nowMs: number): void {
    const { version } = this.#stateOf(path, "-", nowMs);
    this.#versions.set(path, { version: version + 1, sinceMs: nowMs });
  }

  answer({ request, fields }: OriginRequest, nowMs: number) {
    if (this.state === "unreachable") return "unreachable" as const;
    if (this.state === "error") return { status: 503, fields: [], body: "error" };
    const { path, method } = request;
    if (method === "POST") {
      this.change(path, nowMs);
      this.#posts.set(path, this.posts(path) + 1);
      return { status: 204, fields: [], body: "" };
    }
    const policy = this.#policy(path);
    const state = this.#stateOf(path, policy.varies ? (fields.get("foo") ?? "-") : "-", nowMs);
    const pairs = fieldsOf(state, policy, nowMs);
    const value = (name: string) => pairs.find(([one]) => one === name)?.[1];
    const [etag, modified] = [value("etag"), value("last-modified")];
    // A HEAD confirms what is the same, as a 304 does (RFC 9111 section 4.3.5).
    this.#say(state, etag, policy, nowMs);
    const knows = etag !== undefined && fields.get("if-none-match")?.includes(etag) === true;
    const knowsDate =
      fields.get("if-none-match") === null && modified !== undefined && fields.get("if-modified-since") === modified;
    if (knows || knowsDate) return { status: 304, fields: pairs, body: "" };
    return { status: 200, fields: pairs, body: textOf(state) };
  }

  #say(state: State, etag: string | undefined, policy: Policy, nowMs: number): void {
    const behind = policy.dateBehind ?? 0;
    const { path, foo, sinceMs } = state;
    this.said.push({
      text: textOf(state),
      etag,
      path,
      foo,
      atMs: nowMs,
      bornAtMs: nowMs - 1000 * Math.max(policy.age ?? 0, behind),
      policy,
      guessed: policy.validators === "date" ? Math.max(0, (nowMs - sinceMs) / 1000 - behind) / 10 : 0,
      settings: this.#settings,
      posts: this.posts(path),
    });
  }

  #stateOf(path: string, foo: string, nowMs: number): State {
    const { version, sinceMs } = this.#versions.get(path) ?? { version: 0, sinceMs: nowMs - 3_600_000 };
    this.#versions.set(path, { version, sinceMs });
    return { path, version, foo, sinceMs };
  }
}

const textOf = ({ path, version, foo }: State): string => `${path} v${version} foo=${foo}.`;

function fieldsOf(state: State, policy: Policy, nowMs: number): Pairs {
  const dateMs = nowMs - (policy.dateBehind ?? 0) * 1000;
  const fields: [string, string][] = [["date", formatHttpDate(dateMs)]];
  const control = controlOf(policy);
  if (control !== "") fields.push([policy.targeted ? "cdn-cache-control" : "cache-control", control]);
  if (policy.targeted && control !== "") fields.push(["cache-control", "max-age=100000, public"]);
  if (policy.expires !== undefined) fields.push(["expires", formatHttpDate(dateMs + policy.expires * 1000)]);
  if (policy.age !== undefined) fields.push(["age", String(policy.age)]);
  if (policy.varies) fields.push(["vary", "Foo"]);
  const tag = `"${state.path}${state.version}${policy.varies ? state.foo : ""}"`;
  if (policy.validators === "strong") fields.push(["etag", tag]);
  if (policy.validators === "weak") fields.push(["etag", `W/${tag}`]);
  // A date tells states of different seconds apart, so that it is used where no state is younger than a second.
  if (policy.validators === "date" && nowMs - state.sinceMs >= 1000)
    fields.push(["last-modified", formatHttpDate(state.sinceMs)]);
  return fields;
}

/** Seconds; by the numbers of the policy, in the words of RFC 9111 section 4.2.1. */
function lifetimeOf({ policy, guessed, settings: route }: Said): number {
  const { maxAge, sMaxAge, expires, noCache, targeted } = policy;
  if (noCache) return 0;
  if (route.override && route.ttlMs !== undefined) return route.ttlMs / 1000;
  const ignoresExpires = targeted === true && controlOf(policy) !== "";
  const stated = sMaxAge ?? maxAge ?? (ignoresExpires ? undefined : expires);
  if (stated !== undefined) return Math.max(0, stated);
  if (route.ttlMs !== undefined) return route.ttlMs / 1000;
  return guessed;
}

/** Seconds past its lifetime that an answer may serve. */
function staleOf({ policy, settings: route }: Said, step: Step, revalidates: boolean): number {
  const { noCache, forbidsStale, sMaxAge, whileRevalidate, ifError } = policy;
  if (noCache || forbidsStale !== undefined) return 0;
  const others = sMaxAge === undefined ? route : {};
  let allowed = 0;
  if (revalidates) allowed = whileRevalidate ?? (others.staleWhileRevalidateMs ?? 0) / 1000;
  const own = ifError ?? (others.staleIfErrorMs === undefined ? undefined : others.staleIfErrorMs / 1000);
  if (step.origin === "error") allowed = Math.max(allowed, own ?? 0);
  if (step.origin === "unreachable")
    allowed = Math.max(allowed, own ?? (sMaxAge === undefined ? limits.cache.unreachableStaleMs / 1000 : 0));
  if (step.asks?.name === "max-stale" && !route.ignoreClient && sMaxAge === undefined)
    allowed = Math.max(allowed, step.asks.seconds + 0.001);
  return allowed;
}

/** Why the origin could not have given this; undefined: it could. */
function wrong(
  answer: WorldAnswer,
  step: Step,
  said: readonly Said[],
  posted: number,
  nowMs: number,
  asked: number,
): string | undefined {
  const { head, status, body } = answer;
  if (head === undefined) return undefined;
  const candidates = said.filter(
    ({ text, etag, path, foo, policy, posts }) =>
      path === step.path &&
      etag === head.etag &&
      (step.what !== "get" || status === 304 || body === (status === 206 ? text.slice(1, 4) : text)) &&
      (!policy.varies || foo === (step.foo ?? "-")) &&
      policy.unstored === undefined &&
      posts === posted,
  );
  const faults = candidates.map((one) => faultOf(one, answer, step, nowMs, asked));
  return faults.length === 0
    ? "the origin has not said it"
    : faults.includes(undefined)
      ? undefined
      : faults.join("; ");
}

/** Why an answer is none that can be made of what was said then. */
function faultOf(said: Said, answer: WorldAnswer, step: Step, nowMs: number, asked: number): string | undefined {
  const { verdict, judgement, ageSeconds } = answer;
  const age = (nowMs - said.bornAtMs) / 1000;
  if (ageSeconds !== Math.floor(age)) return `its age is ${age}, not ${ageSeconds}`;
  const isConfirmed = verdict.kind === "forward" && judgement?.failed !== true && step.origin === "up";
  if (isConfirmed) return asked > 0 && said.atMs === nowMs ? undefined : "nobody was asked";
  const { asks } = step;
  const listens = said.settings.ignoreClient !== true && verdict.kind !== "forward";
  const lifetime = lifetimeOf(said);
  if (listens && asks?.name === "no-cache") return "the client asked for a new one";
  if (listens && asks?.name === "max-age" && age > asks.seconds) return "it is older than the client wants";
  if (listens && asks?.name === "min-fresh" && lifetime - age < asks.seconds)
    return "it is not as fresh as the client wants";
  const allowed = lifetime + staleOf(said, step, verdict.kind === "stale");
  return age < allowed ? undefined : `it is ${age} s old and may be ${allowed}`;
}

function fieldsOfStep(step: Step, last: string | undefined): Pairs {
  const { foo, asks, has, range } = step;
  const fields: [string, string][] = [];
  if (foo !== undefined) fields.push(["foo", foo]);
  if (asks !== undefined)
    fields.push(["cache-control", "seconds" in asks ? `${asks.name}=${asks.seconds}` : asks.name]);
  if (has && last !== undefined) fields.push(["if-none-match", last]);
  if (range) fields.push(["range", "bytes=1-3"]);
  return fields;
}

interface Counts {
  hit: number;
  stale: number;
  failed: number;
  confirmed: number;
  notModified: number;
  part: number;
}

function run(first: Policy, other: Policy, used: CacheSettings, all: readonly Step[], counts: Counts): void {
  const origin = new RandomOrigin((path) => (path === "/a" ? first : other), used);
  const world = new CacheWorld((asked, nowMs) => origin.answer(asked, nowMs), used);
  let last: string | undefined;
  for (const [at, step] of all.entries()) {
    world.nowMs += step.gap * 1000;
    origin.state = step.origin;
    if (step.what === "change") {
      origin.change(step.path, world.nowMs);
      continue;
    }
    const before = world.asked.length;
    const fields = fieldsOfStep(step, last);
    const method = step.what.toUpperCase();
    const known = [...origin.said];
    const answer = world.send(cacheRequest({ method, path: step.path, fields }));
    // What a background revalidation has learnt is not what this answer could be made of.
    const said = answer.verdict.kind === "stale" ? known : origin.said;
    if (answer.status === 206) counts.part++;
    const fault = wrong(answer, step, said, origin.posts(step.path), world.nowMs, world.asked.length - before);
    if (fault !== undefined) expect.unreachable(`step ${at} ${JSON.stringify(step)}: ${fault}`);
    count(answer, counts);
    last = answer.fields.find(([name]) => name === "etag")?.[1] ?? last;
  }
}

function count({ verdict, status, head, judgement }: WorldAnswer, counts: Counts): void {
  if (verdict.kind === "hit") counts.hit++;
  if (verdict.kind === "stale") counts.stale++;
  if (judgement?.failed === true || (verdict.kind === "forward" && head !== undefined && judgement === undefined))
    counts.failed++;
  else if (verdict.kind === "forward" && head !== undefined) counts.confirmed++;
  if (status === 304) counts.notModified++;
}

describe("the cache", () => {
  test("answers only what the origin could have answered within the rules of freshness", () => {
    const counts: Counts = { hit: 0, stale: 0, failed: 0, confirmed: 0, notModified: 0, part: 0 };
    fc.assert(
      fc.property(policies, policies, settings, steps, (first, other, used, all) =>
        run(first, other, used, all, counts),
      ),
      { numRuns: 2_000 },
    );

    for (const [name, times] of Object.entries(counts)) expect([name, times > 50]).toEqual([name, true]);
  });
});
