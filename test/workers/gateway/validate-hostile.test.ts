import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Env } from "../../../workers/gateway/env.ts";
import { keepContract, validation } from "./support/contracts.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

/** Requests that mean harm, or that are read in two ways: each has its answer, and none is a failure of the gateway. */

let gateway: Gateway;
beforeEach(async () => {
  await keepContract(env as unknown as Env);
  const routes = [route("orders", "/v1/*", { validation: validation() })];
  gateway = await startGateway(plan(routes), () => Response.json({}));
});
afterEach(() => vi.restoreAllMocks());

const JSON_TYPE = { "content-type": "application/json" };

const CRLF = "\r\n";
const partOf = (name: string, value: string): string =>
  `--x${CRLF}content-disposition: form-data; name="${name}"${CRLF}${CRLF}${value}${CRLF}`;
const MULTIPART = { "content-type": "multipart/form-data; boundary=x" };
const FORM = { "content-type": "application/x-www-form-urlencoded" };
test.each<[string, string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
  ["deep JSON", "/v1/orders", "[".repeat(100_000), JSON_TYPE, 413],
  ["JSON with too many values", "/v1/orders", `[${"1,".repeat(200_000)}1]`, JSON_TYPE, 413],
  ["too long", "/v1/orders", `{"items":[],"note":"${"x".repeat(1024 * 1024)}"}`, JSON_TYPE, 413],
  ["a name twice", "/v1/orders", '{"items":[],"items":[]}', JSON_TYPE, 400],
  ["a name twice, escaped", "/v1/orders", '{"items":[],"it\\u0065ms":[]}', JSON_TYPE, 400],
  ["names of the language", "/v1/orders", '{"items":[],"__proto__":{"note":1}}', JSON_TYPE, 400],
  [
    "names of the language within",
    "/v1/orders",
    '{"items":[{"sku":"a","constructor":{"prototype":1}}]}',
    JSON_TYPE,
    200,
  ],
  ["a huge number", "/v1/orders", '{"items":[{"sku":"a","count":1e999999}]}', JSON_TYPE, 422],
  ["a number beyond doubles", "/v1/orders", '{"items":[{"sku":"a","count":12345678901234567890}]}', JSON_TYPE, 200],
  ["a number with a fraction", "/v1/orders", '{"items":[{"sku":"a","count":1.5}]}', JSON_TYPE, 400],
  ["NaN", "/v1/orders", '{"items":[{"sku":"a","count":NaN}]}', JSON_TYPE, 400],
  ["a comment", "/v1/orders", '{"items":[]/**/}', JSON_TYPE, 400],
  ["a byte order mark", "/v1/orders", '\ufeff{"items":[]}', JSON_TYPE, 200],
  ["UTF-16", "/v1/orders", Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0), JSON_TYPE, 400],
  ["bytes that are no UTF-8", "/v1/orders", Uint8Array.of(0x22, 0xff, 0x22), JSON_TYPE, 400],
  ["a lone surrogate", "/v1/orders", '{"items":[],"note":"\\ud800"}', JSON_TYPE, 200],
  ["an empty body", "/v1/orders", "", JSON_TYPE, 400],
  ["blanks", "/v1/orders", "  ", JSON_TYPE, 400],
  ["two values", "/v1/orders", '{"items":[]}{}', JSON_TYPE, 400],
  ["a form", "/v1/uploads", "name=ab&age=5&tags=1&tags=2", FORM, 200],
  ["a form with a bad number", "/v1/uploads", "name=ab&age=1e3", FORM, 400],
  ["a form without a name", "/v1/uploads", "age=5", FORM, 400],
  ["a form with a field twice", "/v1/uploads", "name=ab&name=cd", FORM, 400],
  ["a field of a form beside its own brackets", "/v1/uploads", "name=ab&age=5&age[x]=evil", FORM, 400],
  ["a form with brackets that are none", "/v1/uploads", "name=ab&age[x]y]=evil", FORM, 400],
  [
    "a multipart form with a part between line feeds",
    "/v1/uploads",
    `${partOf("name", 'ab\n--x\ncontent-disposition: form-data; name="age"\n\nevil')}--x--`,
    MULTIPART,
    400,
  ],
  ["a form with a bad escape", "/v1/uploads", "name=%zz", FORM, 400],
  [
    "a form with 2,000 fields",
    "/v1/uploads",
    Array.from({ length: 2_000 }, (_, at) => `a${at}=1`).join("&"),
    FORM,
    400,
  ],
  ["a multipart form", "/v1/uploads", `${partOf("name", "ab")}${partOf("age", "5")}--x--${CRLF}`, MULTIPART, 200],
  [
    "a multipart form with a bad number",
    "/v1/uploads",
    `${partOf("name", "ab")}${partOf("age", "+5")}--x--`,
    MULTIPART,
    400,
  ],
  ["a multipart form that is cut", "/v1/uploads", `${partOf("name", "ab")}`, MULTIPART, 400],
  ["a multipart form that is cut in a head", "/v1/uploads", `--x${CRLF}content-disposition: form-da`, MULTIPART, 400],
  ["10,000 parts", "/v1/uploads", `${partOf("a", "").repeat(10_000)}--x--`, MULTIPART, 413],
  [
    "a part without a name",
    "/v1/uploads",
    `--x${CRLF}content-disposition: form-data${CRLF}${CRLF}a${CRLF}--x--`,
    MULTIPART,
    400,
  ],
  ["no boundary", "/v1/uploads", partOf("name", "ab"), { "content-type": "multipart/form-data" }, 400],
  [
    "a boundary of 71 characters",
    "/v1/uploads",
    "--x--",
    { "content-type": `multipart/form-data; boundary=${"x".repeat(71)}` },
    400,
  ],
  ["JSON that says it is a form", "/v1/uploads", '{"name":"ab"}', FORM, 400],
  ["an unknown coding", "/v1/orders", '{"items":[]}', { ...JSON_TYPE, "content-encoding": "br" }, 415],
  ["two codings", "/v1/orders", '{"items":[]}', { ...JSON_TYPE, "content-encoding": "gzip, gzip" }, 415],
  ["no gzip", "/v1/orders", '{"items":[]}', { ...JSON_TYPE, "content-encoding": "gzip" }, 400],
])("%s", async (_, path, body, headers, status) => {
  const response = await gateway.fetch(path, { method: "POST", body, headers });
  expect([response.status, await response.text()]).toEqual([status, expect.any(String)]);
});

test.each([
  ["/v1/orders/%31", 200],
  ["/v1/orders/%2531", 400],
  ["/v1/orders/1%2F2", 400],
  ["/v1/orders/1%00", 400],
  ["/v1/orders/1;x", 400],
  ["/v1/orders/1e3", 400],
  ["/v1/orders/%20%31", 400],
  ["/v1/orders/..%2f1", 400],
  ["/v1/orders/7?x=%zz", 200],
  ["/v1/orders/7?limit[gt]=1", 200],
  ["/v1/orders/7?%zz=1", 400],
  // What a server may take for a value of `limit`.
  ["/v1/orders?limit=5", 200],
  ["/v1/orders?limit[gt]=5", 400],
  ["/v1/orders?limit=5&limit%5Bgt%5D=5", 400],
  ["/v1/orders?limit[x]y]=5", 400],
  ["/v1/orders?limited[x]=5", 200],
])("the path %s is %i", async (path, status) => {
  expect((await gateway.fetch(path, { headers: { cookie: "tenant=1" } })).status).toBe(status);
});

test("content that is compressed is judged as what it holds, and goes on as it came", async () => {
  const zip = async (text: string): Promise<Uint8Array<ArrayBuffer>> => {
    const packed = new Response(text).body?.pipeThrough(new CompressionStream("gzip"));
    return new Uint8Array(await new Response(packed).arrayBuffer());
  };
  const send = async (text: string): Promise<Response> =>
    gateway.fetch("/v1/orders", {
      method: "POST",
      body: await zip(text),
      headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    });
  expect((await send('{"items":[]}')).status).toBe(200);
  expect((await send('{"items":1}')).status).toBe(400);
  expect((await send(`"${"x".repeat(5 * 1024 * 1024)}"`)).status).toBe(413);
});

test("a body of no stated length is judged as any other", async () => {
  const stream = (text: string): ReadableStream => new Response(text).body as ReadableStream;
  const send = (path: string, method: string, text: string): Promise<Response> =>
    gateway.fetch(path, { method, body: stream(text), headers: JSON_TYPE });
  expect((await send("/v1/orders", "POST", '{"items":[]}')).status).toBe(200);
  expect((await send("/v1/orders", "POST", "{}")).status).toBe(400);
  expect((await send("/v1/orders", "POST", "")).status).toBe(400);
  expect((await send("/v1/orders/7", "DELETE", "x")).status).toBe(400);
});
