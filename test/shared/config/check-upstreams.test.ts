import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const A = "https://a.example";
const documentWith = (pay: object, more: object = {}): object => ({
  selvage: 1,
  name: "shop",
  gateway: {
    hosts: ["localhost"],
    upstreams: { pay },
    routes: [{ name: "pay", match: { path: "/*" }, to: "pay" }],
    ...more,
  },
  mesh: { trustDomain: "shop.internal", services: { orders: { port: 1, access: [] } } },
});

/** Code and place of every problem. */
const problemsOf = (document: object): string[] =>
  checkDocument(document).problems.map(({ code, path, severity }) => `${severity} ${code} ${path.slice(1).join(".")}`);
const at = (place: string): string => `upstreams.pay.${place}`;

test.each<[string, object, string[]]>([
  ["a URL", { targets: [A] }, []],
  ["a URL with a path", { targets: [`${A}/v2/`] }, []],
  ["a binding", { targets: [{ binding: "PAY" }] }, []],
  ["an mTLS certificate", { targets: [{ url: A, mtls: "CERT" }] }, []],
  ["failover", { targets: [A, { url: "https://b.example", failover: true }, { binding: "PAY", failover: 2 }] }, []],
  ["no target", { targets: [] }, [`error SLV2001 ${at("targets")}`]],
  ["a target of nothing", { targets: [{ weight: 1 }] }, [`error SLV2005 ${at("targets.0")}`]],
  ["a user in a URL", { targets: ["https://u:p@a.example"] }, [`error SLV2001 ${at("targets.0")}`]],
  ["a query", { targets: [`${A}/?q=1`] }, [`error SLV2001 ${at("targets.0")}`]],
  ["an empty query", { targets: [`${A}/?`] }, [`error SLV2001 ${at("targets.0")}`]],
  ["no URL", { targets: ["https://a:b"] }, [`error SLV2001 ${at("targets.0")}`]],
  ["a target twice", { targets: [A, { url: `${A}/` }] }, [`error SLV3006 ${at("targets.1")}`]],
  ["the gateway's own binding", { targets: [{ binding: "CONTROL" }] }, [`error SLV3112 ${at("targets.0.binding")}`]],
  ["a secret as binding", { targets: [{ binding: "SECRET_X" }] }, [`error SLV3112 ${at("targets.0.binding")}`]],
  ["a certificate over http", { targets: [{ url: "http://a", mtls: "C" }] }, [`error SLV3009 ${at("targets.0.url")}`]],
  ["a certificate for nobody", { targets: [{ mtls: "C" }] }, [`error SLV2002 ${at("targets.0")}`]],
  ["two bindings", { targets: [{ url: A, mtls: "C", binding: "D" }] }, [`error SLV3009 ${at("targets.0.mtls")}`]],
  ["no weight at all", { targets: [{ url: A, weight: 0 }] }, [`error SLV3008 ${at("targets")}`]],
  [
    "no weight in a group",
    { targets: [A, { url: "https://b.example", weight: 0, failover: true }] },
    [`error SLV3008 ${at("targets")}`],
  ],
  ["failover alone", { targets: [{ url: A, failover: true }] }, [`error SLV3113 ${at("targets.0.failover")}`]],
  ["a gap", { targets: [A, { binding: "B", failover: 2 }] }, [`error SLV3113 ${at("targets.1.failover")}`]],
  [
    "a hash of nothing",
    { targets: [A, "https://b"], balance: { policy: "consistent-hash" } },
    [`error SLV2002 ${at("balance")}`],
  ],
  [
    "a hash without its policy",
    { targets: [A, "https://b"], balance: { hash: { ip: true } } },
    [`error SLV3009 ${at("balance.hash")}`],
  ],
  [
    "two hashes",
    { targets: [A, "https://b"], balance: { policy: "consistent-hash", hash: { ip: true, claim: "sub" } } },
    [`error SLV2005 ${at("balance.hash")}`],
  ],
  [
    "a choice of one",
    { targets: [A], balance: { policy: "consistent-hash", hash: { ip: true } }, hedge: { after: "1s" } },
    [`warning SLV3071 ${at("hedge")}`, `warning SLV3114 ${at("balance.hash")}`],
  ],
  [
    "a status of gRPC",
    { targets: [A], retries: { attempts: 1, on: ["unavailable"] } },
    [`error SLV3050 ${at("retries.on.0")}`],
  ],
  [
    "a try longer than all",
    { targets: [A], timeout: "1s", retries: { attempts: 1, perTry: "2s" } },
    [`warning SLV3009 ${at("retries.perTry")}`],
  ],
  ["connections", { targets: [A], breaker: { maxConnections: 1 } }, [`error SLV2003 ${at("breaker.maxConnections")}`]],
  [
    "a short longest",
    { targets: [A], breaker: { ejectFor: "2m", maxEjectFor: "1m" } },
    [`error SLV3009 ${at("breaker.maxEjectFor")}`],
  ],
  [
    "a hedge of POST",
    { targets: [A, "https://b"], hedge: { after: "1s", methods: ["POST"] } },
    [`error SLV3070 ${at("hedge.methods.0")}`],
  ],
  ["checks", { targets: [A], health: { path: "/h", expect: { status: [200], contains: "ok" } } }, []],
  ["no path of checks", { targets: [A], health: {} }, [`error SLV2002 ${at("health.path")}`]],
  [
    "checks over each other",
    { targets: [A], health: { path: "/h", interval: "1s", timeout: "2s" } },
    [`error SLV3009 ${at("health.timeout")}`],
  ],
  [
    "too many checks",
    { targets: [A], health: { path: "/h", interval: "100ms" } },
    [`error SLV2001 ${at("health.interval")}`],
  ],
  [
    "content of HEAD",
    { targets: [A], health: { path: "/h", method: "HEAD", expect: { contains: "ok" } } },
    [`error SLV3009 ${at("health.expect.contains")}`],
  ],
])("%s", (_, pay, expected) => {
  expect(problemsOf(documentWith(pay))).toEqual(expected);
});

test.each<[string, object, string[]]>([
  ["a name of a service", { upstreams: { orders: { targets: [A] } } }, ["error SLV3110 upstreams.orders"]],
  ["an upstream that nobody uses", { upstreams: { other: { targets: [A] } } }, ["warning SLV3111 upstreams.other"]],
  ["a built-in word", { upstreams: { constructor: { targets: [A] } } }, ["error SLV2004 upstreams.constructor"]],
])("%s", (_, { upstreams }: { upstreams?: object }, expected) => {
  const to = Object.keys(upstreams ?? {})[0] === "other" ? "pay" : (Object.keys(upstreams ?? {})[0] ?? "");
  const all = { pay: { targets: [A] }, ...upstreams };
  const routes = ["pay", to].map((name, n) => ({ name: `r${n}`, match: { path: `/${n}` }, to: name }));
  const problems = problemsOf(documentWith({}, { upstreams: all, routes }));
  expect(problems.filter((problem) => problem.includes("upstreams."))).toEqual(expected);
});

test("a name that is nothing is told with the nearest one", () => {
  const routes = [
    { name: "pay", match: { path: "/1" }, to: "pay" },
    { name: "typo", match: { path: "/2" }, to: "pey" },
    { name: "part", match: { path: "/3" }, aggregate: { a: { get: "pai:/x" } } },
  ];
  const { problems } = checkDocument(documentWith({ targets: [A] }, { routes }));
  expect(problems.map(({ code, suggestion }) => [code, suggestion])).toEqual([
    ["SLV3001", "pay"],
    ["SLV3001", "pay"],
  ]);
});

test("only calls into the mesh carry a context", () => {
  const routes = [{ name: "pay", match: { path: "/*" }, to: "pay", context: { a: "b" } }];
  expect(problemsOf(documentWith({ targets: [A] }, { routes }))).toEqual(["error SLV3009 routes.0.context"]);
});

/** What `explain` says of a request, by stage. */
function explained(pay: object, method: string): Record<string, string> {
  const { document, problems } = checkDocument(documentWith(pay));
  expect(problems).toEqual([]);
  const request = {
    method,
    host: "localhost",
    path: "/x",
    query: "",
    headers: [],
    credential: { kind: "none" } as const,
  };
  const { steps } = explain(compile(document as Document), request, 0);
  return Object.fromEntries(steps.map(({ stage, text }) => [stage, text]));
}

test("explain tells targets, their order, and whether a request is sent again", () => {
  const pay = {
    targets: [A, { url: "https://b.example", weight: 2 }, { binding: "PAY", failover: true }],
    balance: { policy: "round-robin" },
    retries: { attempts: 2, perTry: "1s", on: ["5xx", 429] },
    timeout: "3s",
    hedge: { after: "p95" },
    health: { path: "/up" },
    breaker: { shared: true },
  };
  const get = explained(pay, "GET");
  expect(get).toMatchObject({
    target: "GET /x to upstream pay",
    retries: "up to 2 retries of 1s each on 5xx, 429, within 3s",
  });
  expect(get.targets).toContain(
    "https://a.example, https://b.example (weight 2); when none of them is healthy PAY: targets in turn",
  );
  expect(get.targets).toContain("whether the Worker has PAY, only it knows");
  expect(get.checks).toContain("GET /up every 10s");
  expect(get.hedge).toContain("after p95");
  expect(get.breaker).toContain("isolates tell each other");
  const post = explained(pay, "POST");
  expect(post.retries).toContain("POST may have had an effect");
  expect(post.hedge).toContain("not sent twice");
  expect(explained(pay, "PUT").retries).toContain("body of a stated length up to 64KiB");
});

test("an upstream that only a part posts to is used", () => {
  const posted = { name: "all", match: { path: "/all" }, aggregate: { one: { post: "other:/jobs" } } };
  const routes = [{ name: "pay", match: { path: "/*" }, to: "pay" }, posted];
  expect(
    problemsOf(
      documentWith({ targets: [A] }, { upstreams: { pay: { targets: [A] }, other: { targets: [A] } }, routes }),
    ),
  ).toEqual([]);
});
