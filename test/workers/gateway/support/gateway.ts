import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url, exportJWK, generateKeyPair, type JWK } from "jose";
import { vi } from "vitest";
import type { RevocationList } from "../../../../shared/auth/revocations.ts";
import type { GatewayPlan } from "../../../../shared/plan/plan.ts";
import { versionHere } from "../../../../shared/policy/acknowledgement.ts";
import type { LeaseAnswer, LeaseRequest } from "../../../../shared/wire/gateway-lease.ts";
import type { HopKey } from "../../../../shared/wire/hop-key.ts";
import { type RecordsReport, recordsReportSchema } from "../../../../shared/wire/records.ts";
import { createApp } from "../../../../workers/gateway/app.ts";
import { planHash } from "../../../../workers/gateway/authority/held-plan.ts";
import type { Env } from "../../../../workers/gateway/env.ts";
import type { RecordKeeper } from "../../../../workers/gateway/telemetry/record-keeper.ts";

/** What the outside answers. Undefined: nobody is there. */
export type Outside = (request: Request) => Response | undefined | Promise<Response | undefined>;

/** Plays the control plane's side of the lease call. */
export class FakeControl {
  version = 1;
  plan: GatewayPlan | undefined;
  signingKey: JWK | undefined;
  hopKey: HopKey | undefined = newHopKey("hop-1");
  /** A second version for a share of the requests. */
  canary: (Omit<NonNullable<LeaseAnswer["canary"]>, "hash" | "gateway"> & { plan: GatewayPlan }) | undefined;
  /** Where ingress agents are; undefined: nobody says it. */
  ingress: LeaseAnswer["ingress"];
  /** Announced instead of the plan's own. */
  hash: string | undefined;
  revocations: RevocationList = { revision: 0, entries: [] };
  /** Answers that carried revocations. */
  listsSent = 0;
  mode: "up" | "down" | "silent" = "up";
  /** Whether reports of counters are acknowledged. */
  acknowledges = true;
  readonly asked: LeaseRequest[] = [];
  /** Of past requests. */
  readonly recordReports: RecordsReport[] = [];
  /** By digest. */
  readonly artifacts = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly artifactsAsked: string[] = [];
  readonly tokens: (string | null)[] = [];

  async fetch(input: string, init: RequestInit): Promise<Response> {
    if (this.mode === "down") throw new Error("Network connection lost.");
    if (this.mode === "silent") return new Promise(() => undefined);
    const [, digest] = /^\/v1\/gateway\/artifacts\/(.+)$/.exec(new URL(input).pathname) ?? [];
    if (digest !== undefined) {
      this.artifactsAsked.push(digest);
      return new Response(this.artifacts.get(digest) ?? null, { status: this.artifacts.has(digest) ? 200 : 404 });
    }
    if (new URL(input).pathname === "/v1/records/report") {
      const report = recordsReportSchema.parse(JSON.parse(String(init.body)));
      this.recordReports.push(report);
      return Response.json({ drawn: 0 });
    }
    const request = JSON.parse(String(init.body)) as LeaseRequest;
    this.asked.push(request);
    this.tokens.push(new Headers(init.headers).get("authorization"));
    if (new URL(input).pathname !== "/v1/gateway/lease") return new Response(null, { status: 404 });
    return Response.json(await this.#answer(request));
  }

  async #answer(request: LeaseRequest): Promise<LeaseAnswer> {
    const answer: LeaseAnswer = { leaseMs: 2000, version: this.plan === undefined ? 0 : this.version };
    if (this.plan !== undefined) {
      const hash = this.hash ?? (await planHash(this.plan));
      const told = { version: request.version, hash: request.hash };
      if (versionHere(told, { version: this.version, hash }) !== this.version)
        answer.plan = { hash, gateway: this.plan };
    }
    if (this.canary !== undefined) {
      const { plan, ...told } = this.canary;
      const hash = await planHash(plan);
      const has = request.canary?.version === told.version && request.canary.hash === hash;
      answer.canary = { ...told, hash, ...(!has && { gateway: plan }) };
    }
    if ((request.revocations ?? 0) !== this.revocations.revision) {
      answer.revocations = this.revocations;
      this.listsSent++;
    }
    if (this.signingKey !== undefined && request.signingKey !== this.signingKey.kid)
      answer.signingKey = this.signingKey as JWK & { kid: string; kty: string };
    if (this.hopKey !== undefined && request.hopKey !== this.hopKey.kid) answer.hopKey = this.hopKey;
    if (this.ingress !== undefined && request.ingress?.revision !== this.ingress.revision)
      answer.ingress = this.ingress;
    if (request.counted !== undefined && this.acknowledges) answer.counted = request.counted.seq;
    return answer;
  }

  /** Sums of what was reported, each report once. @param kind of the series */
  counted(kind: string): Record<string, number> {
    const reports = new Map(
      this.asked.flatMap(({ counted }) => (counted === undefined ? [] : [[counted.seq, counted]])),
    );
    const sums: Record<string, number> = {};
    for (const { series } of reports.values())
      for (const { counts } of series.filter((one) => one.kind === kind))
        for (const [counter, count] of Object.entries(counts)) sums[counter] = (sums[counter] ?? 0) + count;
    return sums;
  }
}

export interface Gateway {
  readonly control: FakeControl;
  /** Requests that left the gateway, but for those to the control plane. */
  readonly sent: Request[];
  readonly logs: Record<string, unknown>[];
  /** What its isolates leave behind for each other, and for no other gateway's. */
  readonly lastGoods: Env["LAST_GOOD"];
  /** @param init `whole: false`: what goes on beside the request is not waited for; see `settled` */
  fetch(path: string, init?: RequestInit & { host?: string; whole?: boolean }): Promise<Response>;
  /** What has gone on beside the requests so far is over; their answers must have been read. */
  settled(): Promise<unknown>;
  /** The same gateway in a new isolate, with the same objects. */
  restart(deployed?: GatewayPlan | null): void;
}

/** A gateway isolate with its plan already applied, whose outside is played by a function. */
export async function startGateway(
  plan: GatewayPlan | undefined,
  outside: Outside,
  options: { env?: Partial<Env>; deployed?: GatewayPlan | null; keeper?: RecordKeeper } = {},
): Promise<Gateway> {
  const control = new FakeControl();
  control.plan = plan;
  control.signingKey = await newSigningKey("txn-1");
  const sent: Request[] = [];
  const logs: Record<string, unknown>[] = [];
  playOutside(outside, sent);
  vi.spyOn(console, "log").mockImplementation((line: string) => void logs.push(JSON.parse(line)));
  vi.spyOn(console, "warn").mockImplementation((line: string) => void logs.push(JSON.parse(line)));
  const lastGood = (env as unknown as Env).LAST_GOOD.getByName(crypto.randomUUID());
  const lastGoods = { getByName: () => lastGood } as unknown as Env["LAST_GOOD"];
  const own = { CONTROL: control, CLIENT_IP: "cf-connecting-ip", LAST_GOOD: lastGoods };
  const bindings = { ...env, ...own, ...options.env } as unknown as Env;
  let app = createApp(crypto.randomUUID(), options.deployed ?? null, options.keeper);
  const beside: Promise<void>[] = [];
  return {
    control,
    sent,
    logs,
    lastGoods,
    settled: () => Promise.all(beside.splice(0)),
    restart: (deployed = null) => {
      app = createApp(crypto.randomUUID(), deployed);
    },
    async fetch(path, { host = "api.shop.example", whole = true, ...init } = {}) {
      const ctx = createExecutionContext();
      const response = await app.fetch(new Request(`http://${host}${path}`, init), bindings, ctx);
      const over = waitOnExecutionContext(ctx);
      beside.push(over);
      if (whole) await over;
      return response;
    },
  };
}

export function newHopKey(kid: string): HopKey {
  return { kid, key: base64url.encode(crypto.getRandomValues(new Uint8Array(32))) };
}

export async function newSigningKey(kid: string): Promise<JWK> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(pair.privateKey)), kid, alg: "ES256" };
}

/** Honours the signal like the platform's fetch, so that timeouts are real. */
function playOutside(outside: Outside, sent: Request[]): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    const signal = (init as RequestInit | undefined)?.signal;
    if (!request.url.includes("/.well-known/") && !request.url.endsWith("/keys")) sent.push(request);
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    const answer = await Promise.race([outside(request), aborted]);
    if (answer === undefined) throw new Error("Network connection lost.");
    return answer;
  });
}
