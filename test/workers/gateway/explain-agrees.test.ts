/** What `explain` says of a request is what the gateway makes of it: drawn documents, drawn requests, no disagreement. */
import { env } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { disagreement } from "../../support/explain-cases/compare.ts";
import { Draw } from "../../support/explain-cases/draw.ts";
import { drawDocument } from "../../support/explain-cases/draw-document.ts";
import type { Parties } from "../../support/explain-cases/draw-providers.ts";
import { type Aim, drawRequest } from "../../support/explain-cases/draw-request.ts";
import { caseOf } from "./support/explained-case.ts";
import { outside, startWorld, type World } from "./support/explained-world.ts";
import { startGateway } from "./support/gateway.ts";

const { FUZZ_FACTOR, FUZZ_SEED } = env as unknown as Record<string, string>;
const DOCUMENTS = 25 * Number(FUZZ_FACTOR);
const REQUESTS = 80;
/** Another one finds other cases; what fails says which it was. */
const SEED = Number(FUZZ_SEED);

afterEach(() => vi.restoreAllMocks());

/** A document that `check` takes; most that are drawn are. */
function nextDocument(draw: Draw, parties: Parties): Document {
  for (let tries = 0; ; tries++) {
    const { document, problems } = checkDocument(drawDocument(draw, parties));
    if (document !== undefined) return document;
    if (tries > 50) throw new Error(JSON.stringify(problems, null, 1));
  }
}

/** The requests of one document. @param count of each outcome */
async function tryDocument(at: number, world: World, count: (outcome: string) => void): Promise<void> {
  const draw = new Draw(SEED * 1_000_003 + at);
  const document = nextDocument(draw, world.parties);
  const plan = compile(document, world.artifacts);
  const { digest, bytes } = world.contract;
  const known = new Map([[digest, bytes]]);
  const aims = (document.gateway?.routes ?? []).map(({ match }): Aim => ({ ...match, path: String(match.path) }));
  const options = { env: { SECRET_BEARER: "gateway-token" } as object };
  const gateway = await startGateway(plan.gateway, (one) => outside(world, plan, one), options);
  gateway.control.artifacts.set(digest, bytes);
  for (let number = 0; number < REQUESTS; number++) {
    const drawn = drawRequest(draw, aims, world.keys.length, Date.now());
    const { request, send } = await caseOf(drawn, gateway, world);
    gateway.sent.length = 0;
    gateway.logs.length = 0;
    const said = explain(plan, request, Date.now(), known);
    const answer = await send();
    if (answer.status !== 101) await answer.text();
    await gateway.settled();
    count(said.result.outcome === "refuse" ? said.result.code : said.result.outcome);
    const log = gateway.logs.findLast(({ kind }) => kind === "access") ?? {};
    const happened = { log, status: answer.status, headers: answer.headers, sent: gateway.sent };
    const differs = disagreement(said, happened, plan.gateway.upstreams ?? {});
    if (differs === undefined) continue;
    const where = `seed ${SEED}, document ${at}, request ${number}: ${differs}`;
    expect.fail([where, JSON.stringify(request), JSON.stringify(said, null, 1), JSON.stringify(document)].join("\n"));
  }
  vi.restoreAllMocks();
}

test("no disagreement", async () => {
  const world = await startWorld();
  const outcomes = new Map<string, number>();
  for (let at = 0; at < DOCUMENTS; at++)
    await tryDocument(at, world, (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  // A run in which everything ends alike shows nothing.
  expect(outcomes.size).toBeGreaterThan(15);
  expect(outcomes.get("forward")).toBeGreaterThan(DOCUMENTS);
});
