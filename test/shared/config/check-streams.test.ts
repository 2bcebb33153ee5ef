import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";

const documentWith = (route: object, service: object = {}): object => ({
  selvage: 1,
  name: "chat",
  gateway: { hosts: ["localhost"], routes: [{ name: "chat", match: { path: "/chat" }, to: "chat", ...route }] },
  mesh: { services: { chat: { port: 1, access: [{ from: "gateway" }], ...service } }, trustDomain: "chat.internal" },
});

/** Code and place of every problem. */
const problemsOf = (route: object, service?: object): string[] =>
  checkDocument(documentWith(route, service)).problems.map(
    ({ code, path, severity }) => `${severity} ${code} ${path.slice(3).join(".")}`,
  );

const taken = { upgrades: ["websocket"] };

test.each<[string, object, object | undefined, string[]]>([
  ["WebSockets", taken, undefined, []],
  ["all settings", { ...taken, streamIdle: "10m", maxConnections: 100 }, undefined, []],
  ["streams that may stand still", { streamIdle: "off" }, undefined, []],
  ["no WebSockets", { upgrades: [] }, undefined, []],
  ["a bound of nothing", { maxConnections: 5 }, undefined, ["error SLV3130 maxConnections"]],
  ["another protocol", { upgrades: ["websocket", "mqtt"] }, undefined, ["error SLV3131 upgrades.1"]],
  ["HTTP itself", { upgrades: ["h2c"] }, undefined, ["error SLV2001 upgrades.0"]],
  [
    "a method that asks for none",
    { ...taken, match: { path: "/chat", methods: ["POST"] } },
    undefined,
    ["error SLV3130 match.methods"],
  ],
  ["a service that takes none", taken, { upgrades: [] }, ["error SLV3132 to"]],
  ["a service that takes some", taken, taken, []],
  [
    "a canary that takes none",
    { ...taken, to: "http://a.example", traffic: [{ split: { chat: 1, "http://b.example": 1 } }] },
    { upgrades: [] },
    ["error SLV3132 traffic.0.split.chat"],
  ],
  [
    "what runs at once",
    { ...taken, rateLimit: { concurrent: 5, by: "ip", onFailure: "open" } },
    undefined,
    ["warning SLV3133 rateLimit.concurrent"],
  ],
  ["operations that no guard reads", { ...taken, graphql: { maxDepth: 5 } }, undefined, ["error SLV3130 upgrades"]],
  [
    "a composed answer",
    { ...taken, to: undefined, aggregate: { a: { get: "chat:/a" } } },
    undefined,
    ["error SLV3130 upgrades"],
  ],
  ["too many", { ...taken, maxConnections: 1_000_000 }, undefined, ["error SLV2001 maxConnections"]],
  ["too short a time", { streamIdle: "1ms" }, undefined, ["error SLV2001 streamIdle"]],
])("%s", (_what, route, service, problems) => {
  expect(problemsOf(route, service)).toEqual(problems);
});

function compiled(route: object): Pick<RoutePlan, "upgrades" | "streamIdleMs" | "upgradedMax"> {
  const { document } = checkDocument(documentWith(route));
  if (document === undefined) throw new Error("no document");
  const [{ upgrades, streamIdleMs, upgradedMax } = {} as RoutePlan] = compile(document).gateway.routes;
  return { upgrades, streamIdleMs, upgradedMax } as ReturnType<typeof compiled>;
}

test("the plan has what is stated, and nothing else", () => {
  const none = { upgrades: undefined, streamIdleMs: undefined, upgradedMax: undefined };
  expect(compiled({})).toEqual(none);
  expect(compiled({ streamIdle: "off" })).toEqual({ ...none, streamIdleMs: 0 });
  expect(compiled({ upgrades: ["WebSocket"], streamIdle: "90s", maxConnections: 7 })).toEqual({
    upgrades: ["websocket"],
    streamIdleMs: 90_000,
    upgradedMax: 7,
  });
});

test("a listener of an agent's own makes no tunnels", () => {
  const routes = [{ name: "chat", match: { path: "/chat" }, upgrades: ["websocket"], streamIdle: "1m" }];
  const expose = { listen: "127.0.0.1:8443", hosts: ["localhost"], routes };
  const { problems } = checkDocument(documentWith({}, { expose }));
  expect(problems.map(({ code, path }) => `${code} ${path.at(-1)}`)).toEqual([
    "SLV3064 upgrades",
    "SLV3064 streamIdle",
  ]);
});

describe("explain", () => {
  const { document } = checkDocument(documentWith({ ...taken, maxConnections: 7, streamIdle: "1m" }));
  const stepsOf = (headers: Record<string, string>) => {
    if (document === undefined) throw new Error("no document");
    const request = {
      method: "GET",
      host: "localhost",
      path: "/chat",
      query: "",
      credential: { kind: "none" as const },
    };
    const { steps, result } = explain(compile(document), { ...request, headers: Object.entries(headers) }, 0);
    return { upgrade: steps.find(({ stage }) => stage === "upgrade"), result };
  };

  test("says what becomes of a WebSocket, and what bounds it", () => {
    const { upgrade, result } = stepsOf({ upgrade: "websocket" });
    expect(upgrade?.text).toBe(
      "may change to a WebSocket, which has to be open within 15s, may stand still for 1m behind a front, is one of 7 at a front",
    );
    expect(result.outcome).toBe("forward");
  });

  test("says why not", () => {
    const { upgrade, result } = stepsOf({ upgrade: "websocket", origin: "https://evil.example" });
    expect(upgrade?.verdict).toBe("deny");
    expect(result).toMatchObject({ outcome: "refuse", code: "origin_not_allowed", status: 403 });
  });

  test("says nothing of other requests", () => {
    expect(stepsOf({}).upgrade).toBeUndefined();
  });
});
