/** Descriptors beside a document: what gateways get of them, and what is wrong with them and the routes that name them. */
import { readFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { buildArtifacts } from "../../../cli/artifacts/build-artifacts.ts";
import { buildDescriptor } from "../../../cli/artifacts/build-descriptor.ts";
import { builders } from "../../../cli/artifacts/builders.ts";
import { checkTranscoded } from "../../../cli/artifacts/check-transcoded.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { bindingsOf, ruleText } from "../../../shared/transcode/bindings.ts";
import { readDescriptor } from "../../../shared/transcode/descriptor.ts";
import { kindsFile, ordersFile } from "../../support/transcode.ts";

const place = ["gateway", "descriptors", "orders"];
const build = async (bytes: Uint8Array) => buildDescriptor({ file: "a.binpb" }, () => bytes, place);

/** The descriptor of orders after a change. */
function changed(change: (set: FileDescriptorSet) => void): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, ordersFile);
  change(set);
  return toBinary(FileDescriptorSetSchema, set);
}

/** With another rule of its first method. @param fields of HttpRule: number and text */
const withRule = (...fields: (readonly [number: number, text: string])[]): Uint8Array =>
  changed((set) => {
    const rule = new BinaryWriter();
    for (const [number, text] of fields) rule.tag(number, WireType.LengthDelimited).string(text);
    const data = new BinaryWriter().bytes(rule.finish()).finish();
    const options = set.file.at(-1)?.service[0]?.method[0]?.options;
    if (options !== undefined) options.$unknown = [{ no: 72_295_728, wireType: WireType.LengthDelimited, data }];
  });

describe("what gateways get", () => {
  test.each([
    ["orders", ordersFile],
    ["kinds", kindsFile],
  ])("of %s has the same rules, and less", async (_, file) => {
    const { bytes = new Uint8Array(), problems } = await build(file);
    const rules = (one: Uint8Array) =>
      bindingsOf(readDescriptor(one), { autoMap: true }).bindings.map((b) => ruleText(b.rule));
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(rules(bytes)).toEqual(rules(file));
    expect(bytes.byteLength).toBeLessThan(file.byteLength / 2);
    const names = fromBinary(FileDescriptorSetSchema, bytes).file.map(({ name }) => name);
    for (const name of ["google/api/annotations.proto", "google/api/http.proto", "google/protobuf/descriptor.proto"])
      expect(names).not.toContain(name);
    expect((await build(file)).bytes).toEqual(bytes);
  });
});

describe("what cannot be used is said", () => {
  test.each<[string, Uint8Array, string, string]>([
    [
      "no descriptor",
      new TextEncoder().encode("syntax = 'proto3';"),
      "SLV3165",
      "no google.protobuf.FileDescriptorSet",
    ],
    ["nothing", new Uint8Array(), "SLV3165", "describes no file"],
    ["no imports", changed((set) => set.file.splice(0, 1)), "SLV3165", "--include_imports"],
    ["no service", changed((set) => set.file.pop()), "SLV3165", "has no service"],
    ["a type that is not there", changed((set) => set.file.at(-1)?.messageType.splice(0, 1)), "SLV3165", "Order"],
    ["a rule without a path", withRule([7, "*"]), "SLV3167", "the rule has no path"],
    ["a path that is none", withRule([2, "v1"]), "SLV3167", "does not begin with /"],
    ["a field that is not there", withRule([2, "/v1/{other}"]), "SLV3167", "there is no field other"],
    ["a field within a text", withRule([2, "/v1/{id.x}"]), "SLV3167", "there is no field id.x"],
    ["a body that is not there", withRule([4, "/v1"], [7, "order"]), "SLV3167", "body names order"],
    ["an answer that is not there", withRule([2, "/v1"], [12, "x"]), "SLV3167", "response_body names x"],
  ])("%s", async (_, file, code, why) => {
    const { bytes, problems } = await build(file);
    expect(bytes).toBeUndefined();
    expect(problems).toMatchObject([{ code, severity: "error", path: [...place, "file"] }]);
    expect(problems[0]?.message).toContain(why);
  });

  test("a call that HTTP cannot make is a warning", async () => {
    expect((await build(kindsFile)).problems).toMatchObject([{ code: "SLV3168", severity: "warning" }]);
  });

  test("an option that is no rule is a fault of its method", async () => {
    const broken = changed((set) => {
      const options = set.file.at(-1)?.service[0]?.method[0]?.options;
      if (options !== undefined)
        options.$unknown = [{ no: 72_295_728, wireType: WireType.LengthDelimited, data: new Uint8Array([2, 18, 9]) }];
    });
    expect((await build(broken)).problems).toMatchObject([{ code: "SLV3167", severity: "error" }]);
  });

  test("files without a package, and editions", async () => {
    const set = create(FileDescriptorSetSchema, {
      file: [
        {
          name: "a.proto",
          syntax: "editions",
          edition: 1000,
          messageType: [{ name: "M" }],
          service: [{ name: "S", method: [{ name: "Do", inputType: ".M", outputType: ".M" }] }],
        },
      ],
    });
    const { bytes = new Uint8Array() } = await build(toBinary(FileDescriptorSetSchema, set));
    expect(bindingsOf(readDescriptor(bytes), { autoMap: true }).bindings.map(({ rule }) => rule.template)).toEqual([
      "/S/Do",
    ]);
  });
});

const example = readFileSync(new URL("../../../examples/transcoding/selvage.yaml", import.meta.url), "utf8");

async function load(text: string) {
  const { document, problems } = loadDocument(text, "selvage.yaml", () => undefined);
  if (document === undefined) return { problems };
  const built = await buildArtifacts(document, () => ordersFile, builders);
  return { document, built, problems: [...problems, ...built.problems, ...checkTranscoded(document, built)] };
}

const of = (transcode: string, more = "", service = "protocol: grpc"): string => `
selvage: 1
name: shop
gateway:
  hosts: [localhost]
  descriptors: { orders: { file: orders.binpb } }
  routes:
    - name: orders
      match: { path: "${more === "" ? "/v1/*" : more}" }
      transcode: ${transcode}
      to: orders
mesh: { trustDomain: shop.internal, services: { orders: { port: 8080, ${service}, access: [{ from: gateway }] } } }
`;

describe("routes", () => {
  test("of the example are right", async () => {
    expect((await load(example)).problems).toEqual([]);
  });

  test.each<[string, string, string]>([
    [of("{ descriptor: order }"), "SLV3166", "unknown descriptor"],
    [of("{ descriptor: orders, services: [shop.orders.v1.Order] }"), "SLV3166", "has no service"],
    [of("{ descriptor: orders }", "/api/*"), "SLV3168", "has a path that this route takes"],
    [of("{ descriptor: orders }", "/v1/orders/{id}/items"), "SLV3168", "has a path that this route takes"],
    [of("{ descriptor: orders }", "", "protocol: http"), "SLV3169", "does not speak gRPC"],
    [
      of("{ descriptor: orders }", "").replace("      to: orders", "      respond: { status: 204 }"),
      "SLV3169",
      "no meaning with `respond`",
    ],
    [
      of("{ descriptor: orders }", "").replace("      to: orders", "      handler: ./answer.ts"),
      "SLV3169",
      "no meaning with `handler`",
    ],
    [of("{ descriptor: orders }", "").replace(/ {6}transcode.*/, ""), "SLV3169", "no route or part has the descriptor"],
    [of("{ descriptor: orders, stream: json }"), "SLV2001", ""],
    [of("{ descriptor: orders, other: 1 }"), "SLV2003", ""],
  ])("%#", async (text, code, why) => {
    const { problems } = await load(text);
    const found = problems.find((one) => one.code === code);
    expect(problems.map((one) => `${one.code} ${one.message}`)).toContainEqual(expect.stringContaining(code));
    expect(found?.message).toContain(why);
  });

  test.each(["/v1/orders/*", "/v1/orders/{id}", "/v1/orders", "/{version}/orders", "/*", "/v1/orders/{id}/*"])(
    "%s leads somewhere",
    async (path) => {
      expect((await load(of("{ descriptor: orders }", path))).problems).toEqual([]);
    },
  );

  test("compile to what the edge needs, and nothing that is the default", async () => {
    const { document, built } = await load(
      of(
        "{ descriptor: orders, autoMap: true, ignoreQuery: [b, a], print: { enums: names, fieldNames: proto }, stream: array }",
      ),
    );
    if (document === undefined || built === undefined) throw new Error("no document");
    expect(compile(document, built.table).gateway.routes[0]?.transcode).toEqual({
      descriptor: built.table["descriptors.orders"],
      ...{ autoMap: true, ignoreQuery: ["a", "b"], print: { protoNames: true } },
    });
  });
});

describe("parts of composed answers", () => {
  const parts = (text: string, service = "protocol: grpc"): string => `
selvage: 1
name: shop
gateway:
  hosts: [localhost]
  descriptors: { orders: { file: orders.binpb } }
  routes:
    - { name: page, match: { path: "/page/{id}", methods: [GET, POST] }, aggregate: { one: ${text} } }
mesh: { trustDomain: shop.internal, services: { orders: { port: 8080, ${service}, access: [{ from: gateway }] } } }
`;
  const AUTO = "transcode: { descriptor: orders, autoMap: true }";
  const RULES = "transcode: { descriptor: orders }";
  const COUNT = "orders:/shop.orders.v1.Orders/CountOrders";
  test.each<[string, ...string[]]>([
    [`{ get: "orders:/v1/orders/{path.id}", ${RULES} }`],
    [`{ head: "orders:/v1/orders/{path.id}", ${RULES} }`],
    [`{ get: "orders:/v1/orders?customer={path.id}", ${RULES} }`],
    [`{ post: "orders:/v1/orders/{path.id}:cancel", ${RULES} }`],
    [`{ get: "orders:/v1/orders:watch", ${RULES} }`],
    [`{ post: "${COUNT}", body: {}, ${AUTO} }`],
    [`{ post: "${COUNT}", body: {}, ${RULES} }`, "warning SLV3168 post"],
    [`{ get: "${COUNT}", ${AUTO} }`, "warning SLV3168 get"],
    [`{ get: "orders:/v2/orders", ${RULES} }`, "warning SLV3168 get"],
    [`{ put: "orders:/v1/orders/{path.id}", ${RULES} }`, "warning SLV3168 put"],
    [
      `{ get: "orders:/v1/orders", transcode: { descriptor: order } }`,
      "error SLV3166 transcode.descriptor",
      "warning SLV3169 ",
    ],
    [
      `{ get: "orders:/v1/orders", transcode: { descriptor: orders, services: [a.B] } }`,
      "error SLV3166 transcode.services.0",
    ],
    [`{ get: "orders:/v1/orders", encoding: text, ${RULES} }`, "error SLV3169 encoding"],
    [
      `{ get: "orders:/v1/orders", transcode: { descriptor: orders, stream: lines } }`,
      "error SLV2003 transcode.stream",
    ],
    [`{ get: "orders:/v1/orders" }`, "warning SLV3052 get", "warning SLV3169 "],
  ])("%s", async (text, ...expected) => {
    const { problems } = await load(parts(text));
    const told = problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(5).join(".")}`);
    expect(told.sort()).toEqual(expected.sort());
  });
  test("go to services that speak it", async () => {
    const { problems } = await load(parts(`{ get: "orders:/v1/orders", ${RULES} }`, "protocol: http"));
    expect(problems.map(({ code }) => code)).toEqual(["SLV3169"]);
  });
  test.each<[string, string, string]>([
    [
      `{ get: "orders:/v1/orders/{path.id}", ${RULES} }`,
      "pass",
      "/shop.orders.v1.Orders/GetOrder by GET /v1/orders/{id}, id=7",
    ],
    [`{ post: "${COUNT}", body: {}, ${AUTO} }`, "pass", "/shop.orders.v1.Orders/CountOrders by POST"],
    [`{ get: "orders:/v1/orders?nothing=1", ${RULES} }`, "deny", "nothing"],
  ])("explain: %s", async (text, verdict, told) => {
    const { document, built } = await load(parts(text));
    if (document === undefined || built === undefined) throw new Error("no document");
    const request = { method: "GET", host: "localhost", path: "/page/7", query: "", headers: [] };
    const plan = compile(document, built.table);
    const { steps } = explain(plan, { ...request, credential: { kind: "none" } }, 0, built.bytes);
    const step = steps.find(({ stage, part }) => stage === "transcode" && part === "one");
    expect(step).toMatchObject({ verdict, text: expect.stringContaining(told) });
    const access = steps.find(({ stage, part }) => stage === "access" && part === "one");
    expect(access === undefined).toBe(verdict === "deny");
  });
  test("explain: what other parts decide is not guessed", async () => {
    const two = `{ get: "orders:/v1/orders/1", ${RULES} }, two: { get: "orders:/v1/orders?pageSize={one.id}", ${RULES} }`;
    const { document, built } = await load(parts(two));
    if (document === undefined || built === undefined) throw new Error("no document");
    const request = { method: "GET", host: "localhost", path: "/page/7", query: "", headers: [] };
    const { steps, result } = explain(
      ...([
        compile(document, built.table),
        { ...request, credential: { kind: "none" } as const },
        0,
        built.bytes,
      ] as const),
    );
    expect(result.outcome).toBe("forward");
    expect(steps.some(({ part, verdict }) => part === "two" && verdict === "deny")).toBe(false);
  });
});

describe("explain", () => {
  const ask = async (method: string, target: string, isAtHand = true) => {
    const { document, built } = await load(example);
    if (document === undefined || built === undefined) throw new Error("no document");
    const [path = "", query] = target.split("?");
    const request = {
      method,
      host: "localhost",
      path,
      query: query === undefined ? "" : `?${query}`,
      headers: [],
      credential: { kind: "none" } as const,
    };
    const { steps, result } = explain(compile(document, built.table), request, 0, isAtHand ? built.bytes : undefined);
    return { step: steps.find(({ stage }) => stage === "transcode"), result };
  };

  test("says which method a request becomes", async () => {
    expect((await ask("GET", "/v1/customers/ann/orders/7")).step).toMatchObject({
      verdict: "pass",
      text: "/shop.orders.v1.Orders/GetOrder by GET /v1/customers/{customer}/orders/{id}, customer=ann, id=7",
    });
    expect((await ask("GET", "/v1/orders/7", false)).step).toMatchObject({ verdict: "note" });
  });

  test.each([
    ["DELETE", "/v1/orders", "method_not_allowed"],
    ["GET", "/v1/nothing", "no_route"],
    ["GET", "/v1/orders?page_size=many", "bad_request"],
    ["GET", "/v1/orders?other=1", "bad_request"],
  ])("%s %s is refused: %s", async (method, target, code) => {
    expect((await ask(method, target)).result).toMatchObject({ outcome: "refuse", code });
  });
});
