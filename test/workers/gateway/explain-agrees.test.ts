/** What `explain` says of a request is what the gateway makes of it: drawn documents, drawn requests, no disagreement. */
import { env } from "cloudflare:workers";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { decideAccess } from "../../../shared/auth/access.ts";
import type { KeyRecord } from "../../../shared/auth/api-key.ts";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { errorTable } from "../../../shared/errors.ts";
import { ERROR_CODE } from "../../../shared/http/header-names.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential, ExplainRequest, Explanation, Result } from "../../../shared/plan/explain-step.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import { Draw } from "../../support/explain-cases/draw.ts";
import { drawDocument } from "../../support/explain-cases/draw-document.ts";
import { type DrawnRequest, drawRequest } from "../../support/explain-cases/draw-request.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { AUDIENCE, createIssuer, ISSUER, type Issuer } from "./support/issuer.ts";
import { createKey } from "./support/keys.ts";

const { FUZZ_FACTOR, FUZZ_SEED } = env as unknown as Record<string, string>;
const DOCUMENTS = 25 * Number(FUZZ_FACTOR);
const REQUESTS = 80;
/** Another one finds other cases; what fails says which it was. */
const SEED = Number(FUZZ_SEED);

afterEach(() => vi.restoreAllMocks());

interface Key {
  readonly text: string;
  readonly record: KeyRecord;
}

/** A request as it is sent and as it is explained. */
interface Case {
  readonly request: ExplainRequest;
  readonly send: () => Promise<Response>;
}

async function caseOf(drawn: DrawnRequest, gateway: Gateway, issuer: Issuer, keys: readonly Key[]): Promise<Case> {
  const { method, host, path, clientIp, shown, body } = drawn;
  const headers: [string, string][] = drawn.headers.map(([name, value]) => [name, value]);
  let credential: Credential = { kind: "none" };
  const query = drawn.query;
  if (shown.kind === "basic") headers.push(["authorization", "Basic YTpi"]);
  if (shown.kind === "broken") {
    headers.push(["authorization", "Bearer no.token"]);
    credential = { kind: "malformed", reason: "the token is not a JWT" };
  }
  if (shown.kind === "token") {
    const token = await issuer.sign(shown.claims);
    headers.push(["authorization", `Bearer ${token}`]);
    credential = { kind: "token", header: { ...decodeProtectedHeader(token) }, claims: decodeJwt(token) };
  }
  if (shown.kind === "key") {
    const { text, record } = keys[shown.at] as Key;
    headers.push(["x-api-key", text]);
    credential = { kind: "key", record };
  }
  if (body !== undefined) headers.push(["content-length", String(body.length)], ["content-type", "text/plain"]);
  const lines = new Headers(headers);
  const request = { method, host, scheme: "http", path, query, clientIp, credential, headers: [...lines] } as const;
  const sent = new Headers([...headers, ["cf-connecting-ip", clientIp]]);
  const init = { method, headers: sent, host, redirect: "manual", ...(body !== undefined && { body }) } as const;
  return { request: { ...request, headers: [...sent] }, send: () => gateway.fetch(path + query, init) };
}

/** Plays the ingress, and the service's agent behind it, whose verdict is that of the real one. */
function answerAs(plan: Plan, request: Request): Response {
  const { pathname } = new URL(request.url);
  const service = request.headers.get("selvage-service");
  const token = request.headers.get("txn-token");
  if (service === null || token === null) return Response.json({ ok: true });
  const { scope, ...claims } = decodeJwt(token);
  const scopes = String(scope)
    .split(" ")
    .filter((one) => one !== "");
  const asked = { from: "gateway", scopes, claims, method: request.method, path: pathname };
  const verdict = decideAccess(plan.mesh.services[service]?.access, asked);
  if (verdict.allowed) return Response.json({ ok: true });
  return new Response(null, { status: errorTable[verdict.code].status, headers: { [ERROR_CODE]: verdict.code } });
}

/** Says the gateway of each call, and nobody else. */
const OF_THE_HOP = /^(txn-token|traceparent|tracestate|selvage-.*|content-length|signature|signature-input)$/;

/** The first field that is another one. */
function otherField(said: Readonly<Record<string, string>>, sent: Headers): string | undefined {
  const names = new Set([...Object.keys(said), ...sent.keys()].filter((name) => !OF_THE_HOP.test(name)));
  // Blanks around a value are none of it, and the receiver's to drop.
  const name = [...names].find((one) => said[one] !== sent.get(one)?.trim());
  return name && `field ${name}: explained ${said[name]}, was ${sent.get(name)}`;
}

/** Of what is drawn, what was. */
function drawnOf({ result, route }: Explanation, { variant, fault }: Record<string, unknown>): Result {
  if (result.outcome !== "drawn") return result;
  const drawn = result.among.find(({ name }) => name === (fault ?? variant ?? route?.name));
  if (drawn === undefined) throw new Error(`${String(fault ?? variant)} is none of ${JSON.stringify(result.among)}`);
  return drawn.result;
}

/** Codes of policies in shadow at the gateway, as explained and as logged. What agents would refuse stands in their logs. */
const inShadow = ({ steps }: Explanation): unknown[] =>
  steps.filter(({ verdict, stage }) => verdict === "would-deny" && stage !== "access").map(({ code }) => code);
const inShadowOf = ({ wouldRefuse = [] }: { wouldRefuse?: { error: string }[] }): unknown[] =>
  wouldRefuse.map(({ error }) => error);

/** @returns what they do not agree on */
function disagreement(said: Explanation, answer: Response, gateway: Gateway): string | undefined {
  const log = gateway.logs.findLast(({ kind }) => kind === "access") ?? {};
  const { route } = said;
  const result = drawnOf(said, log);
  const differ = (what: string, saidIt: unknown, is: unknown): string | undefined =>
    saidIt === is ? undefined : `${what}: explained ${String(saidIt)}, was ${String(is)} (${String(log.reason)})`;
  // What is out of service has no name in the log, and whom no sibling takes has that of the first.
  const isNamed = log.error !== "route_quarantined" && !(log.error === "no_route" && log.route !== undefined);
  const onRoute = isNamed ? differ("route", route?.name, log.route) : undefined;
  if (onRoute !== undefined) return onRoute;
  const cache = said.steps.filter(({ stage }) => stage === "cache");
  // What is stored is not looked up, and said not to be.
  if (cache.some(({ text }) => text.includes("not looked up now")) && log.cache === "hit") return undefined;
  if (cache.some(({ code }) => code === "not_stored"))
    return (
      differ("outcome", "answer", result.outcome) ??
      differ("error", log.cache === "hit" ? undefined : "not_stored", log.error)
    );
  if (result.outcome === "refuse")
    return differ("refusal", result.code, log.error) ?? differ("status", result.status, answer.status);
  if (result.outcome === "answer")
    return differ("error", undefined, log.error) ?? differ("status", result.status, answer.status);
  const failed = differ("error", undefined, log.error) ?? differ("status", 200, answer.status);
  if (failed !== undefined) return failed;
  const wouldBe = differ("would be refused", JSON.stringify(inShadow(said)), JSON.stringify(inShadowOf(log)));
  if (wouldBe !== undefined) return wouldBe;
  const [sent] = gateway.sent.splice(0);
  if (result.sent === undefined) return undefined;
  if (sent === undefined) return "nothing was sent";
  const { to, method, path, query, fields } = result.sent;
  const origin = "origin" in to ? to.origin : "http://127.0.0.1:8790";
  return (
    differ("method", method, sent.method) ??
    differ("target", new URL(origin + path + query).href, sent.url) ??
    differ("service", "service" in to ? to.service : null, sent.headers.get("selvage-service")) ??
    otherField(fields, sent.headers)
  );
}

/** A document that `check` takes; most that are drawn are. */
function nextDocument(draw: Draw): Document {
  for (let tries = 0; ; tries++) {
    const { document, problems } = checkDocument(drawDocument(draw, ISSUER, AUDIENCE));
    if (document !== undefined) return document;
    if (tries > 50) throw new Error(JSON.stringify(problems, null, 1));
  }
}

test("no disagreement", async () => {
  const issuer = await createIssuer();
  const grants = [{ scopes: ["read"] }, { scopes: ["read", "write"], plan: "gold", groups: ["staff"] }, { scopes: [] }];
  const keys: Key[] = [];
  for (const grant of grants) {
    const { key: text, record } = await createKey(grant);
    keys.push({ text, record });
  }
  const outcomes = new Map<string, number>();
  for (let at = 0; at < DOCUMENTS; at++) {
    const draw = new Draw(SEED * 1_000_003 + at);
    const document = nextDocument(draw);
    const plan = compile(document, {});
    const aims = (document.gateway?.routes ?? []).map(({ match }) => ({ ...match, path: String(match.path) }));
    const gateway = await startGateway(plan.gateway, (one) => issuer.answer(one.url) ?? answerAs(plan, one));
    for (let number = 0; number < REQUESTS; number++) {
      const drawn = drawRequest(draw, aims, keys.length, Date.now());
      const { request, send } = await caseOf(drawn, gateway, issuer, keys);
      gateway.sent.length = 0;
      gateway.logs.length = 0;
      const said = explain(plan, request, Date.now());
      const answer = await send();
      await answer.text();
      await gateway.settled();
      const outcome = said.result.outcome === "refuse" ? said.result.code : said.result.outcome;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const differs = disagreement(said, answer, gateway);
      if (differs === undefined) continue;
      const where = `seed ${SEED}, document ${at}, request ${number}: ${differs}`;
      expect.fail([where, JSON.stringify(request), JSON.stringify(said, null, 1), JSON.stringify(document)].join("\n"));
    }
    vi.restoreAllMocks();
  }
  // A run in which everything ends alike shows nothing.
  expect(outcomes.size).toBeGreaterThan(15);
  expect(outcomes.get("forward")).toBeGreaterThan(DOCUMENTS);
});
