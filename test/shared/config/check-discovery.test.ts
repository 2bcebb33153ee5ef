/** What the document says of where endpoints are found. */
import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";

const PARTNER = { federation: { "partner.example": { bundle: "https://mesh.partner.example/bundle" } } };
const document = (discovery: unknown, service: object = {}, mesh: object = {}) => ({
  ...{ selvage: 1, name: "shop" },
  mesh: {
    trustDomain: "shop.internal",
    ...mesh,
    services: { pay: { port: 8080, access: [{ from: "web" }], discovery, ...service }, web: { port: 80, access: [] } },
  },
});
const problems = (json: unknown): string[] =>
  checkDocument(json).problems.map(({ code, path }) => `${code} ${path.slice(2).join(".")}`);

const TLS = { tls: { name: "pay.example.com" } };
const DNS = { name: "pay.example.com", type: "a" };
const KUBERNETES = { service: "pay", namespace: "prod" };
const CONSUL = { service: "pay", address: "https://consul.example.com:8501" };

test("each caller has it in its plan, nobody else", () => {
  const { document: checked, problems: none } = checkDocument(
    document({ dns: { ...DNS, every: "10s" }, reach: TLS, keepFor: "2h" }),
  );
  expect(none).toEqual([]);
  if (checked === undefined) throw new Error("no document");
  const plan = compile(checked);
  const discovery = {
    source: { kind: "dns", name: "pay.example.com", type: "a", port: 8080, everyMs: 10_000 },
    reach: { kind: "tls", name: "pay.example.com" },
    host: "pay.example.com",
    keepMs: 7_200_000,
    keepEmptyMs: 60_000,
  };
  expect(agentPlan(plan, "web")?.outbound.pay?.discovery).toEqual(discovery);
  expect(agentPlan(plan, "web")?.outbound.pay?.balance).toEqual({ policy: "peak-ewma", weightLabel: "weight" });
  expect(agentPlan(plan, "pay")?.outbound).not.toHaveProperty("pay");
});

test("lists are one list however they are written", () => {
  const sourceOf = (list: unknown) => {
    const { document: checked } = checkDocument(document({ static: list }));
    if (checked === undefined) throw new Error("no document");
    return compile(checked).mesh.services.pay?.discovery?.source;
  };
  const one = sourceOf(["10.0.0.2", { address: "[2001:db8::1]:99", zone: "b", weight: 3, labels: { version: "v2" } }]);
  expect(one).toEqual({
    kind: "static",
    endpoints: [
      { host: "10.0.0.2", port: 8080, labels: {} },
      { host: "2001:db8::1", port: 99, labels: { version: "v2", weight: "3", zone: "b" } },
    ],
  });
  const other = [
    { address: "[2001:db8::1]:99", labels: { version: "v2" }, weight: 3, zone: "b" },
    { address: "10.0.0.2:8080" },
  ];
  expect(sourceOf(other)).toEqual(one);
});

test.each<[string, unknown, string[], object?, object?]>([
  ["no source", { reach: TLS }, ["SLV2005 pay.discovery"]],
  ["two sources", { static: ["10.0.0.1"], dns: DNS }, ["SLV2005 pay.discovery"]],
  ["an unknown key", { dns: { ...DNS, ttl: "5s" } }, ["SLV2003 pay.discovery.dns.ttl"]],
  ["an address twice", { static: ["10.0.0.1", "10.0.0.1:8080"] }, ["SLV3186 pay.discovery.static.1"]],
  ["an address of loopback", { static: ["127.0.0.1:80"] }, ["SLV3186 pay.discovery.static.0"]],
  ["the same, allowed", { static: ["127.0.0.1:80"], allow: ["127.0.0.0/8"] }, []],
  ["a metadata service", { static: [{ address: "169.254.169.254:80" }] }, ["SLV3186 pay.discovery.static.0.address"]],
  ["a port of no machine", { static: ["10.0.0.1:70000"] }, ["SLV3186 pay.discovery.static.0"]],
  ["half an address", { static: ["10.0.1"] }, ["SLV3186 pay.discovery.static.0"]],
  ["a bound for a list", { static: ["10.0.0.1"], keepFor: "1h" }, ["SLV3181 pay.discovery.keepFor"]],
  ["a host for agents", { static: ["10.0.0.1"], host: "a.example" }, ["SLV3181 pay.discovery.host"]],
  ["a port beside SRV", { dns: { name: "_a._tcp.b", type: "srv", port: 1 } }, ["SLV3181 pay.discovery.dns.port"]],
  ["a plain name of SRV", { dns: { name: "a.b", type: "srv" } }, ["SLV3180 pay.discovery.dns.name"]],
  ["a server by name", { dns: { ...DNS, servers: ["1.2.3"] } }, ["SLV3180 pay.discovery.dns.servers.0"]],
  ["servers", { dns: { ...DNS, servers: ["10.0.0.2", "127.0.0.1:8600", "fd00::2", "[fd00::2]:54"] } }, []],
  [
    "an API server without TLS",
    { kubernetes: { ...KUBERNETES, api: "http://10.0.0.1:6443", tokenFile: "/run/token" } },
    ["SLV3180 pay.discovery.kubernetes.api"],
  ],
  [
    "a pod's token for another API server",
    { kubernetes: { ...KUBERNETES, api: "https://10.0.0.1:6443" } },
    ["SLV3180 pay.discovery.kubernetes.api"],
  ],
  ["a cluster", { kubernetes: { ...KUBERNETES, port: "http" } }, []],
  [
    "a path of Consul",
    { consul: { ...CONSUL, address: "https://consul.example.com/ui" } },
    ["SLV3180 pay.discovery.consul.address"],
  ],
  [
    "a token in the clear",
    { consul: { ...CONSUL, address: "http://10.0.0.1:8500", tokenFile: "/run/token" } },
    ["SLV3180 pay.discovery.consul.address"],
  ],
  ["Consul beside the agent", { consul: { ...CONSUL, address: "http://127.0.0.1:8500", tokenFile: "/run/token" } }, []],
  ["no way to reach them", { dns: DNS, reach: {} }, ["SLV2005 pay.discovery.reach"]],
  ["two ways", { dns: DNS, reach: { ...TLS, spiffe: "spiffe://a/b" } }, ["SLV2005 pay.discovery.reach"]],
  [
    "an unknown trust domain",
    { dns: DNS, reach: { spiffe: "spiffe://partner.exampel/service/pay" } },
    ["SLV3185 pay.discovery.reach.spiffe", "SLV3259 partner.example"],
    {},
    PARTNER,
  ],
  ["no SPIFFE ID", { dns: DNS, reach: { spiffe: "spiffe://a/../b" } }, ["SLV3185 pay.discovery.reach.spiffe"]],
  ["without encryption", { dns: DNS, reach: "plain" }, ["SLV3183 pay.discovery.reach"]],
  ["TCP without an agent", { dns: DNS, reach: TLS }, ["SLV3184 pay.discovery.reach"], { protocol: "tcp" }],
  ["TCP by agents", { dns: DNS }, [], { protocol: "tcp" }],
  [
    "rules that nobody looks at",
    { dns: DNS, reach: TLS },
    ["SLV3182 pay.access.0.scopes", "SLV3182 pay.access.0.methods"],
    { access: [{ from: "web", scopes: ["a"], methods: ["GET"] }] },
  ],
  [
    "work that nobody does",
    { dns: DNS, reach: TLS },
    ["SLV3187 pay.rateLimit"],
    { rateLimit: { by: "all", limit: "5/second" } },
  ],
])("%s", (_, discovery, expected, service, mesh) => {
  expect(problems(document(discovery, service, mesh))).toEqual(expected);
});

test("where an owner's service is found is for administrators", async () => {
  const { refuseForeign } = await import("../../../shared/plan/changes/owner-rights.ts");
  const version = (discovery: unknown, timeout = "5s") => {
    const json = {
      ...document(undefined),
      owners: { pays: { services: ["pay"] } },
    };
    const pay = {
      port: 8080,
      owner: "pays",
      access: [{ from: "web" }],
      timeout,
      ...(discovery !== undefined && { discovery }),
    };
    const mesh = { ...json.mesh, services: { ...json.mesh.services, pay } };
    const { document: checked } = checkDocument({ ...json, mesh });
    if (checked === undefined) throw new Error("no document");
    return { document: checked, artifacts: {} };
  };
  const list = { static: ["10.0.0.1"] };
  const refused = (before: unknown, after: unknown): string[] =>
    refuseForeign(version(before), version(after, "6s"), ["pays"]).map(({ code, path }) => `${code} ${path.join(".")}`);
  expect(refused(list, list)).toEqual([]);
  expect(refused(undefined, list)).toEqual(["SLV3235 mesh.services.pay.discovery"]);
  expect(refused(list, { static: ["10.0.0.2"] })).toEqual(["SLV3235 mesh.services.pay.discovery"]);
  expect(refused(list, undefined)).toEqual(["SLV3235 mesh.services.pay"]);
});
