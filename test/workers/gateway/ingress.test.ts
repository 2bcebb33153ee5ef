import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

let gateway: Gateway;
let clock: number;
let answer: (request: Request) => Response | undefined;

/** Where requests went, in order. */
const hosts = (): string[] => gateway.sent.map(({ url }) => new URL(url).host);
const tell = async (revision: number, addresses: string[]): Promise<void> => {
  gateway.control.ingress = { epoch: "e", revision, addresses };
  clock += limits.gateway.planLeaseMs / 2;
  await gateway.fetch("/one/told");
  gateway.sent.length = 0;
};
const ask = async (method: string, body?: string): Promise<number> => {
  const response = await gateway.fetch("/one/x?y=1", { method, ...(body !== undefined && { body }) });
  await response.text();
  return response.status;
};
const leaving = (): Response =>
  new Response("{}", { status: 503, headers: { "selvage-error": "draining", "selvage-sent": "none" } });

beforeEach(async () => {
  clock = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => clock);
  answer = () => Response.json({ ok: true });
  gateway = await startGateway(plan([route("one", "/one/*")]), (request) => answer(request));
  await ask("GET");
});
afterEach(() => vi.restoreAllMocks());

test("without addresses requests go to the fixed one, and nothing is said of any", () => {
  expect(hosts()).toEqual(["127.0.0.1:8790"]);
  expect(gateway.control.asked.every(({ ingress }) => ingress === undefined)).toBe(true);
});

describe("addresses that came with a lease", () => {
  test("are acknowledged at once, and share the requests; scheme, path and query stay", async () => {
    await tell(1, ["a.example:1", "b.example:2"]);
    expect(gateway.control.asked.at(-1)).toMatchObject({ ingress: { epoch: "e", revision: 1 } });
    for (let at = 0; at < 40; at++) expect(await ask("GET")).toBe(200);
    expect(new Set(gateway.sent.map(({ url }) => url))).toEqual(
      new Set(["http://a.example:1/one/x?y=1", "http://b.example:2/one/x?y=1"]),
    );
  });

  test("are replaced by later ones, not by earlier ones; with none the fixed one serves", async () => {
    await tell(2, ["b.example:2"]);
    await tell(1, ["a.example:1"]);
    await ask("GET");
    await tell(3, []);
    await ask("GET");
    expect(hosts()).toEqual(["127.0.0.1:8790"]);
    expect(gateway.control.asked.at(-1)).toMatchObject({ ingress: { epoch: "e", revision: 3 } });
  });
});

describe("of two ingress agents", () => {
  beforeEach(() => tell(1, ["a.example:1", "b.example:2"]));

  test("one that is not reached costs no request that may be repeated, and is left out after some", async () => {
    answer = ({ url }) => (url.includes("a.example") ? undefined : Response.json({ ok: true }));
    for (let at = 0; at < 40; at++) expect(await ask("GET")).toBe(200);
    expect(hosts().filter((host) => host === "a.example:1")).toHaveLength(limits.breaker.consecutiveFailures);
    gateway.sent.length = 0;
    for (let at = 0; at < 20; at++) expect(await ask("POST", "body")).toBe(200);
    expect(new Set(hosts())).toEqual(new Set(["b.example:2"]));
  });

  test("one that is not reached gets no POST again elsewhere: it may have had an effect", async () => {
    answer = () => undefined;
    expect(await ask("POST", "body")).toBe(502);
    expect(hosts()).toHaveLength(1);
  });

  test("one that is leaving has seen nothing: every method goes on", async () => {
    answer = ({ url }) => (url.includes("a.example") ? leaving() : Response.json({ ok: true }));
    for (let at = 0; at < 20; at++) expect(await ask("DELETE")).toBe(200);
    expect(new Set(hosts())).toEqual(new Set(["a.example:1", "b.example:2"]));
  });

  test("with both leaving a request ends", async () => {
    answer = leaving;
    expect(await ask("GET")).toBe(503);
    expect(new Set(hosts()).size).toBe(2);
  });

  test("an answer of the service is the answer, whatever it says", async () => {
    answer = () => new Response("no", { status: 503 });
    expect(await ask("GET")).toBe(503);
    expect(hosts()).toHaveLength(1);
  });
});
