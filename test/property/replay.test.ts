/** Replays of drawn requests by drawn documents: only what differs by explanation is told, and all of it. */
import { expect, test } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explainBy, type PreparedPlan, preparePlan } from "../../shared/plan/explain.ts";
import type { Credential, ExplainRequest, Explanation } from "../../shared/plan/explain-step.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { changesOf, replay } from "../../shared/plan/replay.ts";
import { requestOfRecord } from "../../shared/plan/replay-request.ts";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import { Draw } from "../support/explain-cases/draw.ts";
import { drawDocument } from "../support/explain-cases/draw-document.ts";
import { type DrawnRequest, drawRequest } from "../support/explain-cases/draw-request.ts";
import { recordOf } from "../support/request-records.ts";

type Json = Record<string, unknown>;
interface DrawnDocument {
  readonly gateway: { readonly routes: (Json & { readonly name: string })[] };
}

const ISSUER = "https://login.shop.example/";
const AUDIENCE = "shop";
const PARTIES = {
  ...{
    issuer: ISSUER,
    audience: AUDIENCE,
    opaqueIssuer: "https://opaque.shop.example/",
    certificateIssuer: "CN=devices",
  },
  signer: { keyid: "k", jwk: { kty: "OKP", crv: "Ed25519", x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs" } },
};
const NOW = Date.UTC(2026, 10, 20);
const DOCUMENTS = 10;
const REQUESTS = 30;

function planOf(source: unknown): Plan | undefined {
  const { document } = checkDocument(source);
  return document === undefined ? undefined : compile(document, {});
}

const prepared = (plan: Plan): PreparedPlan => preparePlan(plan, undefined, false);

function drawValid(draw: Draw): { readonly source: DrawnDocument; readonly plan: Plan } {
  for (let tries = 0; tries < 100; tries++) {
    const source = drawDocument(draw, PARTIES) as unknown as DrawnDocument;
    const plan = planOf(source);
    if (plan !== undefined) return { source, plan };
  }
  throw new Error("no document is valid");
}

const keyRecord = (at: number) => ({
  ...{ id: `${at}`.repeat(16), prefix: "slv", start: "slv_000", owner: `customer-${at}` },
  ...{ scopes: [["read"], ["read", "write"], []][at] ?? [], createdAtMs: 0, groups: at === 1 ? ["staff"] : [] },
  ...(at === 1 && { plan: "gold" }),
});

function requestOf({ method, host, path, query, headers, clientIp, shown }: DrawnRequest): ExplainRequest {
  const proof: [string, string][] = [];
  let credential: Credential = { kind: "none" };
  if (shown.kind === "basic") proof.push(["authorization", "Basic YTpi"]);
  if (shown.kind === "broken") {
    proof.push(["authorization", "Bearer no.token"]);
    credential = { kind: "malformed", reason: "the token is not a JWT" };
  }
  if (shown.kind === "token") {
    const times = { exp: NOW / 1000 + 60 };
    proof.push(["authorization", "Bearer a.b.c"]);
    credential = {
      kind: "token",
      header: { alg: "ES256" },
      claims: { iss: ISSUER, aud: AUDIENCE, ...times, ...shown.claims },
    };
  }
  if (shown.kind === "key") {
    proof.push(["x-api-key", "slv_key"]);
    credential = { kind: "key", record: keyRecord(shown.at) } as unknown as Credential;
  }
  return { method, host, path, query, clientIp, headers: [...headers, ...proof], credential };
}

function drawRecords(draw: Draw, source: DrawnDocument, plan: Plan): RequestRecord[] {
  const aims = source.gateway.routes.map(({ match }) => match as { path: string; methods?: string[] });
  const by = prepared(plan);
  return Array.from({ length: REQUESTS }, (_, at) =>
    recordOf(by, requestOf(drawRequest(draw, aims, 3, NOW)), NOW, at + 1),
  );
}

/** What is done to one route, if that can be done to it. */
const CHANGES: Readonly<Record<string, (route: Json) => Json | undefined>> = {
  "auth removed": ({ auth, ...route }) => (auth === undefined ? undefined : route),
  "scope added": ({ auth, ...route }) => ({ ...route, auth: { any: ["login"], ...(auth as Json), scopes: ["write"] } }),
  "limit added": (route) => ({ ...route, rateLimit: { limit: "7/hour", mode: "local", by: "all", name: "new" } }),
  "limit number": ({ rateLimit, ...route }) =>
    rateLimit === undefined ? undefined : { ...route, rateLimit: { ...(rateLimit as Json), limit: "3/hour" } },
  rewrite: (route) => (route.to === undefined ? undefined : { ...route, rewrite: "/elsewhere" }),
  "header edit": (route) => ({ ...route, transform: { request: { headers: { set: { "x-edit": "1" } } } } }),
  cache: (route) =>
    route.to === undefined ? undefined : { ...route, cache: { ttl: "9s", key: { headers: ["x-a"] } } },
  "canary weight": (route) =>
    route.to === undefined ? undefined : { ...route, traffic: [{ split: { orders: 99, users: 1 } }] },
  "method taken out": (route) => ({ ...route, match: { ...(route.match as Json), methods: ["PUT"] } }),
  "another target": (route) => (route.to === undefined ? undefined : { ...route, to: "https://third.example" }),
  gone: () => undefined,
};

test("a document against itself changes nothing, and says what was recorded", () => {
  let explained = 0;
  for (let seed = 1; seed <= DOCUMENTS; seed++) {
    const draw = new Draw(seed);
    const { source, plan } = drawValid(draw);
    const records = drawRecords(draw, source, plan);
    const found = replay(prepared(plan), prepared(planOf(structuredClone(source)) as Plan), records);
    expect(found.groups, `seed ${seed}`).toEqual([]);
    explained += found.requests - found.unexplained;
  }
  // What is hidden in a record decides about a few of them.
  expect(explained / (DOCUMENTS * REQUESTS)).toBeGreaterThan(0.97);
});

test("what a change of one route is told of is explained otherwise, and all that ends otherwise is told", () => {
  const told = new Map<string, number>();
  for (let seed = 1; seed <= DOCUMENTS; seed++) {
    const draw = new Draw(1_000 + seed);
    const { source, plan } = drawValid(draw);
    const was = prepared(plan);
    const requests = drawRecords(draw, source, plan).map((record) => requestOfRecord(record, was));
    const befores = requests.map((request) => explainBy(was, request, NOW));
    for (const [name, change] of Object.entries(CHANGES)) {
      const { routes } = source.gateway;
      const fitting = routes.filter((route) => name === "gone" || change(route) !== undefined);
      if (fitting.length === 0) continue;
      const route = draw.one(fitting);
      const changed = routes.flatMap((one) => (one === route ? (change(one) ?? []) : one));
      const after = planOf({ ...source, gateway: { ...source.gateway, routes: changed } });
      if (after === undefined) continue;
      const is = prepared(after);
      for (const [at, request] of requests.entries()) {
        const [before, then] = [befores[at] as Explanation, explainBy(is, request, NOW)];
        const own = changesOf(before, then);
        const why = `seed ${seed}, ${name} of ${route.name}: ${JSON.stringify(own)} ${JSON.stringify(request)}`;
        if (own.length === 0) expect(endOf(then), why).toEqual(endOf(before));
        else {
          expect(JSON.stringify(before), why).not.toBe(JSON.stringify(then));
          if (before.route !== undefined || then.route !== undefined)
            expect(
              [before, then].map((one) => familyOf(one.route?.name ?? "")),
              why,
            ).toContain(familyOf(route.name));
          told.set(name, (told.get(name) ?? 0) + 1);
        }
      }
    }
  }
  // Each kind of change is seen.
  expect(Object.keys(CHANGES).filter((name) => !told.has(name))).toEqual([]);
});

/** Routes that only who asks tells apart have one head: what is done to one of them may be that of another. */
const familyOf = (name: string): string => name.replace(/-.*/, "");

/** How it ends and what is sent, without words. */
function endOf({ route, result }: Explanation): unknown {
  const results = result.outcome === "drawn" ? result.among : [{ percent: 100, result }];
  return [route?.name, results.map((one) => [one.percent, { ...one.result, text: "" }])];
}
