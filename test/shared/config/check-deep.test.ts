/** Each finding with a small document that shows it, and one like it that does not. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { withIncluded } from "../../../cli/included-files.ts";
import { checkDeep } from "../../../shared/config/check-deep.ts";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { placeName } from "../../../shared/config/place-name.ts";

type Mapping = Readonly<Record<string, unknown>>;

const A = "https://a.example";
const gatewayOnly = [{ from: "gateway" }];
const route = (more: Mapping = {}): Mapping => ({ name: "a", match: { path: "/a" }, to: "orders", ...more });
/** A service that the gateway leads to. @param services others */
const withService = (
  service: Mapping,
  routeMore: Mapping = {},
  services: Mapping = {},
  gateway: Mapping = {},
): Mapping => ({
  selvage: 1,
  name: "shop",
  gateway: { hosts: ["localhost"], routes: [route(routeMore)], ...gateway },
  mesh: {
    trustDomain: "shop.internal",
    services: { orders: { port: 1, access: gatewayOnly, ...service }, ...services },
  },
});
/** An upstream that the gateway leads to. */
const withUpstream = (upstream: Mapping, routeMore: Mapping = {}): Mapping => ({
  selvage: 1,
  name: "shop",
  gateway: {
    hosts: ["localhost"],
    upstreams: { pay: { targets: [A], ...upstream } },
    routes: [route({ to: "pay", ...routeMore })],
  },
});

/** Code and place of each finding. */
function foundIn(document: Mapping): string[] {
  expect(checkDocument(document).problems.filter(({ severity }) => severity === "error")).toEqual([]);
  return checkDeep(document).map(({ code, severity, path }) => {
    expect(severity).toBe("warning");
    return `${code} ${placeName(document, path)}`;
  });
}
const messagesIn = (document: Mapping): string[] => checkDeep(document).map(({ message }) => message);

type Case = [string, Mapping, string[]];

describe("SLV3242: times of routes", () => {
  test.each<Case>([
    ["a call that takes longer", withService({ timeout: "5s" }, { timeout: "1s" }), ["SLV3242 routes.a.timeout"]],
    ["a call that takes as long", withService({ timeout: "1s" }, { timeout: "1s" }), []],
    ["longer than a route by default", withService({ timeout: "20s" }), ["SLV3242 routes.a.name"]],
    ["no time is said", withService({}, { timeout: "1s" }), []],
    [
      "an attempt that takes longer",
      withUpstream({ retries: { attempts: 1, perTry: "2s" } }, { timeout: "1s" }),
      ["SLV3242 routes.a.timeout"],
    ],
    ["attempts that have room", withUpstream({ retries: { attempts: 1, perTry: "400ms" } }, { timeout: "1s" }), []],
    [
      "a part that takes longer",
      withService({}, { to: undefined, aggregate: { one: { get: "orders:/1", timeout: "3s" } }, timeout: "2s" }),
      ["SLV3242 routes.a.timeout"],
    ],
    [
      "a part in time",
      withService({}, { to: undefined, aggregate: { one: { get: "orders:/1", timeout: "1s" } }, timeout: "2s" }),
      [],
    ],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3243: retries of several layers", () => {
  const chain = (...attempts: (number | undefined)[]): Mapping => {
    const [first, ...rest] = attempts.map((each) => (each === undefined ? {} : { retries: { attempts: each } }));
    const names = rest.map((_, at) => `s${at + 1}`);
    const services = rest.map((more, at) => [
      names[at],
      { port: 2, access: [{ from: at === 0 ? "orders" : names[at - 1] }], ...more },
    ]);
    return withService(first ?? {}, {}, Object.fromEntries(services));
  };
  test.each<Case>([
    ["two layers of three attempts", chain(2, 2), ["SLV3243 services.s1.retries.attempts"]],
    ["two layers of two attempts", chain(1, 1), []],
    ["three layers of two attempts", chain(1, 1, 1), []],
    ["one layer of many", chain(0, 5), []],
    ["defaults alone", chain(undefined, undefined, undefined), []],
    [
      "a circle",
      withService(
        { retries: { attempts: 2 }, access: [...gatewayOnly, { from: "b" }] },
        {},
        {
          b: { port: 2, access: [{ from: "orders" }], retries: { attempts: 3 } },
        },
      ),
      ["SLV3243 services.orders.retries.attempts", "SLV3243 services.b.retries.attempts"],
    ],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
  test("services that all call each other are looked at in bounded time", () => {
    const names = Array.from({ length: 30 }, (_, at) => `s${at}`);
    const access = names.map((from) => ({ from }));
    const services = names.map((name) => [name, { port: 1, access, retries: { attempts: 1 } }]);
    const found = foundIn(withService({}, {}, Object.fromEntries(services)));
    expect(found).toContain("SLV3243 services.s0.retries.attempts");
  });
  test("with the number and the way", () => {
    expect(messagesIn(chain(2, 3))).toEqual([
      "one request may come to 12 attempts at s1: gateway -> orders (3) -> s1 (4)",
    ]);
  });
});

describe("SLV3244: breakers", () => {
  const targets = [A, "https://b.example", "https://c.example"];
  const listed = { static: targets.map((_, at) => `10.0.0.${at + 1}:80`), reach: "plain" };
  const place = "upstreams.pay.breaker";
  test.each<Case>([
    [
      "a share of less than one",
      withUpstream({ targets, breaker: { maxEjected: 33 } }),
      [`SLV3244 ${place}.maxEjected`],
    ],
    ["a share of one", withUpstream({ targets, breaker: { maxEjected: 34 } }), []],
    ["none but the one that always may", withUpstream({ targets, breaker: { maxEjected: 0 } }), []],
    [
      "a share of listed endpoints",
      withService({ discovery: listed, breaker: { maxEjected: 10 } }),
      ["SLV3244 services.orders.breaker.maxEjected"],
    ],
    ["a share of nobody knows how many", withService({ breaker: { maxEjected: 10 } }), []],
    [
      "panic before as many are ejected as may be",
      withUpstream({ breaker: { maxEjected: 60, panicThreshold: 50 } }),
      [`SLV3244 ${place}.panicThreshold`],
    ],
    ["panic after that", withUpstream({ breaker: { maxEjected: 50, panicThreshold: 50 } }), []],
    ["panic always", withUpstream({ breaker: { panicThreshold: 100 } }), [`SLV3244 ${place}.panicThreshold`]],
    [
      "a rate that is off",
      withUpstream({ breaker: { successRate: { percent: 0, window: "5s" } } }),
      [`SLV3244 ${place}.successRate.window`],
    ],
    ["a rate", withUpstream({ breaker: { successRate: { percent: 50, window: "5s" } } }), []],
    [
      "connections that no request is for",
      withService({ breaker: { maxConnections: 200, maxRequests: 100 } }),
      ["SLV3244 services.orders.breaker.maxConnections"],
    ],
    ["connections", withService({ breaker: { maxConnections: 100, maxRequests: 100 } }), []],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3245 and SLV3071: retries and hedges", () => {
  const posted = { match: { path: "/a", methods: ["POST"] } };
  const retries = { attempts: 2 };
  test.each<Case>([
    ["POST alone", withUpstream({ retries }, posted), ["SLV3245 upstreams.pay.retries.attempts"]],
    ["POST that may be repeated", withUpstream({ retries: { ...retries, idempotent: true } }, posted), []],
    ["PUT, too", withUpstream({ retries }, { match: { path: "/a", methods: ["POST", "PUT"] } }), []],
    ["any method", withUpstream({ retries }), []],
    ["POST to a service", withService({ retries }, posted), ["SLV3245 services.orders.retries.attempts"]],
    [
      "to one that others call as well",
      withService({ retries, access: [...gatewayOnly, { from: "users" }] }, posted, { users: { port: 2, access: [] } }),
      [],
    ],
    [
      "none, and when",
      withUpstream({ retries: { attempts: 0, on: ["5xx"], perTry: "1s" } }),
      ["SLV3245 upstreams.pay.retries.on"],
    ],
    ["none", withUpstream({ retries: { attempts: 0, perTry: "1s" } }), []],
    [
      "a hedge of GET, and POST alone",
      withUpstream({ targets: [A, "https://b.example"], hedge: { after: "50ms" } }, posted),
      ["SLV3071 upstreams.pay.hedge"],
    ],
    [
      "a hedge of PUT",
      withUpstream(
        { targets: [A, "https://b.example"], hedge: { after: "50ms", methods: ["PUT"] } },
        { match: { path: "/a", methods: ["PUT"] } },
      ),
      [],
    ],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3246: what nothing uses", () => {
  const identity = { keys: { apiKey: { header: "x-key" } } };
  const decisions = { pdp: { authzen: { url: "https://pdp.example" } } };
  const point = { any: ["keys"], decision: "pdp" };
  test.each<Case>([
    ["a provider", withService({}, {}, {}, { identity }), ["SLV3246 identity.keys"]],
    ["a provider of a route", withService({}, { auth: "keys" }, {}, { identity }), []],
    ["a provider among several", withService({}, { auth: { any: ["keys"] } }, {}, { identity }), []],
    ["a decision point", withService({}, {}, {}, { decisions }), ["SLV3246 decisions.pdp"]],
    ["a decision point of a route", withService({}, { auth: point }, {}, { identity, decisions }), []],
    ["a service for the gateway alone", withService({}, { to: A }), ["SLV3246 services.orders"]],
    ["a service for nobody", withService({ access: [] }, { to: A }), []],
    ["a service of a part", withService({}, { to: undefined, aggregate: { one: { get: "orders:/1" } } }), []],
    ["a subset", withService({ subsets: { v1: { version: "v1" } } }), ["SLV3246 services.orders.subsets.v1"]],
    ["a subset of a rule", withService({ subsets: { v1: { version: "v1" } }, traffic: [{ split: { v1: 1 } }] }), []],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3247: subsets that nobody is in", () => {
  const subset = (version: string, reach: unknown): Mapping =>
    withService({
      subsets: { v2: { version: "v2" } },
      traffic: [{ to: "v2" }],
      discovery: { static: [{ address: "10.0.0.1:80", labels: { version } }], reach },
    });
  test.each<Case>([
    ["an endpoint of another version", subset("v1", "plain"), ["SLV3247 services.orders.subsets.v2"]],
    ["an endpoint of it", subset("v2", "plain"), []],
    ["endpoints that register as well", subset("v1", "agent"), []],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3248: access rules", () => {
  const users = { users: { port: 2, access: [] } };
  const access = (...rules: Mapping[]): Mapping => withService({ access: [...gatewayOnly, ...rules] }, {}, users);
  const gets = { from: "users", methods: ["GET"] };
  const identity = { keys: { apiKey: { header: "x-key" } } };
  test.each<Case>([
    [
      "beside everybody",
      access({ from: "*" }, gets),
      ["SLV3248 services.orders.access.0", "SLV3248 services.orders.access.2"],
    ],
    ["the same without conditions", access({ from: "users" }, gets), ["SLV3248 services.orders.access.2"]],
    ["before it", access(gets, { from: "users" }), ["SLV3248 services.orders.access.1"]],
    ["twice", access({ from: "users" }, { from: "users" }), ["SLV3248 services.orders.access.2"]],
    ["other conditions", access(gets, { from: "users", paths: ["/x"] }), []],
    ["one that is told", access({ from: "users" }, { ...gets, audit: true }), []],
    ["one in shadow", access({ from: "users", mode: "shadow" }, gets), []],
    ["users that nobody knows", access({ from: "users", scopes: ["a"] }), ["SLV3248 services.orders.access.1.scopes"]],
    [
      "users that are known",
      withService({ access: [{ from: "gateway", scopes: ["a"] }] }, { auth: "keys" }, {}, { identity }),
      [],
    ],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

describe("SLV3249: calls of one request", () => {
  const parts = (many: number): Mapping => ({
    to: undefined,
    aggregate: Object.fromEntries(Array.from({ length: many }, (_, at) => [`p${at}`, { get: `pay:/${at}` }])),
  });
  test.each<Case>([
    ["11 parts of three attempts", withUpstream({}, parts(11)), ["SLV3249 routes.a.aggregate"]],
    ["10 parts of three attempts", withUpstream({}, parts(10)), []],
    ["11 parts of one attempt", withUpstream({ retries: { attempts: 0 } }, parts(11)), []],
    [
      "a fan-out",
      withUpstream(
        { retries: { attempts: 5 } },
        { to: undefined, aggregate: { all: { get: "pay:/{item}", forEach: { in: "{query.ids}", max: 200 } } } },
      ),
      ["SLV3249 routes.a.aggregate"],
    ],
  ])("%s", (_what, document, expected) => expect(foundIn(document)).toEqual(expected));
});

test.each<[string, unknown, string[]]>([
  ["a code and a place", [{ code: "SLV3011", at: "services.orders", reason: "ours" }], []],
  ["no reason", [{ code: "SLV3011" }], ["SLV2002 check.ignore.0.reason"]],
  ["no code", [{ code: "3011", reason: "-" }], ["SLV2001 check.ignore.0.code"]],
  ["a mistyped key", [{ code: "SLV3011", reason: "-", place: "x" }], ["SLV2003 check.ignore.0.place"]],
  ["too many", Array.from({ length: 101 }, () => ({ code: "SLV3011", reason: "-" })), ["SLV2001 check.ignore"]],
])("check.ignore: %s", (_what, ignore, expected) => {
  const document = { ...withService({}), check: { ignore } };
  const found = checkDocument(document).problems.map(({ code, path }) => `${code} ${placeName(document, path)}`);
  expect(found).toEqual(expected);
});

describe("examples have none", () => {
  const examples = new URL("../../../examples/", import.meta.url);
  const names = readdirSync(examples).filter((name) => existsSync(new URL(`${name}/selvage.yaml`, examples)));
  const read = (file: string): string => readFileSync(file, "utf8");
  test.each(names)("%s", (name) => {
    const file = new URL(`${name}/selvage.yaml`, examples).pathname;
    const { document } = loadDocument(withIncluded(read(file), file, read), name, () => undefined);
    expect(checkDeep(document)).toEqual([]);
  });
});
