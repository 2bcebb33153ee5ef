import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { planOf } from "./support/reshaped.ts";

let answer: (request: Request) => Response | Promise<Response> = () => Response.json({});
afterEach(() => vi.restoreAllMocks());

const start = (routes: string): Promise<Gateway> => startGateway(planOf(routes), (request) => answer(request));
const lastSent = (gateway: Gateway): Request => gateway.sent.at(-1) as Request;
const declared = '<?xml version="1.0" encoding="UTF-8"?>';
const xmlAnswer = (text: BodyInit, init: ResponseInit = {}): Response =>
  new Response(text, { ...init, headers: { "content-type": "application/xml", ...init.headers } });
const gzip = async (text: string): Promise<ArrayBuffer> =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
const { bodyBytesMax, depthMax, nodesMax } = limits.reshape;

const routes = `
  - name: orders
    match: { path: /orders }
    transform:
      request:
        body: { from: json, to: xml, root: order, namespace: "urn:orders" }
        json: { remove: [/internal], set: { /via: gateway } }
      response:
        body: { from: xml, to: json, root: orders, arrays: [/order], types: { /order/total: number } }
        json: { remove: ["$..secret"], wrap: data }
    to: https://orders.example
  - name: price
    match: { path: "/price/{item}" }
    transform:
      request:
        method: POST
        body: { from: json, to: soap, version: "1.1", action: "urn:shop#GetPrice", root: "m:GetPrice", namespaces: { m: "urn:shop" } }
        json: { template: { "m:Item": "{path.item}" } }
      response:
        body: { from: soap, to: json, root: GetPriceResponse, types: { /Price: number }, faults: { NotFound: 404 } }
        json: { rename: { /Price: price } }
    to: https://soap.example
  - name: soap12
    match: { path: /soap12 }
    transform: { request: { body: { from: json, to: soap, version: "1.2", action: "urn:own", root: Get } } }
    to: https://soap.example
  - name: envelope
    match: { path: /envelope }
    transform:
      request:
        headers: { set: { soapaction: "urn:own" } }
        body: { from: json, to: xml, root: Envelope, mediaType: text/xml }
    to: https://soap.example
  - name: facade
    match: { path: /facade }
    transform:
      request: { body: { from: soap, to: json, root: GetPrice } }
      response: { body: { from: json, to: soap, version: "1.2", root: GetPriceResponse, namespace: "urn:shop" } }
    to: https://json.example
  - name: form
    match: { path: /form }
    transform:
      request: { body: { from: form, to: json, nested: true, arrays: [/tags], types: { /age: number } } }
    to: https://json.example
  - name: login
    match: { path: /login }
    transform:
      request: { body: { from: json, to: form, others: pass }, json: { set: { /grant_type: password } } }
    to: https://form.example
  - name: parts
    match: { path: /parts }
    aggregate:
      feed: { get: "https://feed.example/rss", encoding: { from: xml, root: rss, arrays: [/channel/item], types: { "//size": number } }, optional: true }
      note: { get: "https://note.example/a", encoding: text, optional: true }
  - name: strict
    match: { path: /strict }
    transform: { response: { body: { from: xml, to: json, others: refuse } } }
    to: https://orders.example
`;
const post = (gateway: Gateway, path: string, type: string, body: BodyInit, headers: Record<string, string> = {}) =>
  gateway.fetch(path, { method: "POST", body, headers: { "content-type": type, ...headers } });

describe("XML", () => {
  test("JSON goes on as XML and comes back as JSON, edited where it is JSON", async () => {
    const gateway = await start(routes);
    answer = () =>
      xmlAnswer("<orders><order><id>1</id><total>12345678901234567890</total><secret>x</secret></order></orders>", {
        headers: { etag: '"a"', "content-digest": "sha-256=:a:" },
      });
    const response = await post(gateway, "/orders", "application/json", '{"id":1.10,"internal":true}', {
      accept: "application/json",
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{"data":{"order":[{"id":"1","total":12345678901234567890}]}}');
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("etag")).toBe('W/"a"');
    expect(response.headers.get("content-digest")).toBeNull();
    const sent = lastSent(gateway);
    expect(await sent.text()).toBe(`${declared}<order xmlns="urn:orders"><id>1.10</id><via>gateway</via></order>`);
    expect(sent.headers.get("content-type")).toBe("application/xml; charset=utf-8");
    expect(sent.headers.get("accept")).toBe("application/xml, text/xml;q=0.9, */*;q=0.1");
  });

  test("encoded content, in the encoding of its characters", async () => {
    const gateway = await start(routes);
    answer = () => xmlAnswer("<orders/>");
    const headers = { "content-encoding": "gzip" };
    expect((await post(gateway, "/orders", "application/json", await gzip('{"a":"ä"}'), headers)).status).toBe(200);
    expect(await lastSent(gateway).text()).toContain("<a>ä</a>");
    expect(lastSent(gateway).headers.get("content-encoding")).toBeNull();
    const latin1 = Uint8Array.from('<?xml version="1.0" encoding="ISO-8859-1"?><orders><a>\xe4</a></orders>', (one) =>
      one.charCodeAt(0),
    );
    const utf16 = Uint8Array.from(
      [..."\ufeff<orders><a>\xe4</a></orders>"].flatMap((one) => [one.charCodeAt(0) & 255, one.charCodeAt(0) >> 8]),
    );
    for (const body of [latin1, utf16]) {
      answer = () => xmlAnswer(body);
      expect(await (await gateway.fetch("/orders")).json()).toEqual({ data: { a: "ä", order: [] } });
    }
  });

  test("answers of another kind pass, or are refused where the document says so; HEAD, 204, 206 and 304", async () => {
    const gateway = await start(routes);
    answer = () => new Response("<html>", { status: 404, headers: { "content-type": "text/html" } });
    const passed = await gateway.fetch("/orders");
    expect([passed.status, await passed.text()]).toEqual([404, "<html>"]);
    expect((await gateway.fetch("/strict")).status).toBe(502);
    answer = () => Response.json({ secret: 1, a: 1 });
    expect(await (await gateway.fetch("/orders")).json()).toEqual({ data: { a: 1 } });
    for (const status of [204, 304]) {
      answer = () => new Response(null, { status });
      expect((await gateway.fetch("/strict")).status).toBe(status);
    }
    answer = () => xmlAnswer("<orders/>", { status: 206 });
    expect((await gateway.fetch("/orders")).status).toBe(502);
    answer = () => xmlAnswer("", { headers: { "content-length": "10" } });
    const head = await gateway.fetch("/orders", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), head.headers.get("content-length")]).toEqual([
      200,
      "application/json",
      null,
    ]);
  });

  test.each<[name: string, body: BodyInit, status: number, type?: string]>([
    ["nothing", "", 400],
    ["no JSON", "{", 400],
    ["a list without a name", "[[1]]", 400],
    ["a name that XML has not", '{"a b":1}', 400],
    ["markup in a name", '{"a><b":1}', 400],
    ["a namespace of its own", '{"@xmlns":"evil"}', 400],
    ["a control character", '{"a":"\\u0000"}', 400],
    ["prototypes", '{"__proto__":{"a":1}}', 400],
    ["too deep", `${'{"a":'.repeat(depthMax + 1)}1${"}".repeat(depthMax + 1)}`, 413],
    ["10,000 levels", "[".repeat(10_000), 413],
    ["more than is written", `{"${"b".repeat(1_000)}":[${"0,".repeat(50_000)}0]}`, 413],
    ["too many bytes", `"${"a".repeat(bodyBytesMax)}"`, 413],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), 400],
    ["another type", "a=1", 415, "application/x-www-form-urlencoded"],
    ["lines", "{}\n{}", 415, "application/x-ndjson"],
    ["a huge number", '{"a":1e999999}', 200],
  ])("hostile requests: %s", async (_, body, status, type = "application/json") => {
    const gateway = await start(routes);
    answer = () => xmlAnswer("<orders/>");
    expect((await post(gateway, "/orders", type, body)).status).toBe(status);
  });

  test.each<[name: string, body: BodyInit, status: number]>([
    ["a document type", "<!DOCTYPE orders><orders/>", 502],
    ["an external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><orders>&x;</orders>', 502],
    [
      "a billion laughs",
      `<!DOCTYPE l [<!ENTITY a "ha">${Array.from({ length: 20 }, (_, at) => `<!ENTITY a${at} "&a;&a;">`).join("")}]><orders>&a19;</orders>`,
      502,
    ],
    ["an unknown entity", "<orders>&nbsp;</orders>", 502],
    ["no end", "<orders><order>", 502],
    ["another root", "<order/>", 502],
    ["two roots", "<orders/><orders/>", 502],
    ["attributes twice", "<orders a='1' a='2'/>", 502],
    ["two namespaces", "<orders><a/><p:a xmlns:p='u'/></orders>", 502],
    ["prototypes", "<orders><__proto__><a/></__proto__></orders>", 502],
    ["10,000 levels", `${"<orders>".repeat(10_000)}`, 502],
    ["too many elements", `<orders>${"<a/>".repeat(nodesMax)}</orders>`, 502],
    ["too many bytes", `<orders>${"a".repeat(bodyBytesMax)}</orders>`, 502],
    ["no number", "<orders><order><total>a</total></order></orders>", 502],
    ["no UTF-8", Uint8Array.from("<orders>\xff</orders>", (one) => one.charCodeAt(0)), 502],
    ["nothing", "", 502],
    ["a comment within a text", "<orders><order>ad<!-- -->min</order></orders>", 200],
    ["CDATA and instructions", "<?p?><orders><?p?><order><![CDATA[<a>&]]></order></orders>", 200],
  ])("hostile answers: %s", async (_, body, status) => {
    const gateway = await start(routes);
    answer = () => xmlAnswer(body);
    expect((await gateway.fetch("/orders")).status).toBe(status);
  });
});

describe("SOAP", () => {
  const envelope = (body: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body>${body}</s:Body></s:Envelope>`;
  const soapAnswer = (body: string, status = 200): Response =>
    new Response(envelope(body), { status, headers: { "content-type": "text/xml; charset=utf-8" } });

  test("a GET becomes a call, and its answer JSON", async () => {
    const gateway = await start(routes);
    answer = () => soapAnswer('<m:GetPriceResponse xmlns:m="urn:shop"><m:Price>1.90</m:Price></m:GetPriceResponse>');
    const response = await gateway.fetch("/price/a%26b");
    expect([response.status, await response.text()]).toEqual([200, '{"price":1.90}']);
    const sent = lastSent(gateway);
    expect([sent.method, sent.headers.get("soapaction"), sent.headers.get("content-type")]).toEqual([
      "POST",
      '"urn:shop#GetPrice"',
      "text/xml; charset=utf-8",
    ]);
    expect(await sent.text()).toContain(
      '<soap:Body><m:GetPrice xmlns:m="urn:shop"><m:Item>a&amp;b</m:Item></m:GetPrice></soap:Body>',
    );
  });

  test("the operation is the document's to choose, whatever a client calls it", async () => {
    const gateway = await start(routes);
    answer = () => soapAnswer("<GetPriceResponse/>");
    const chosen = async (path: string, method = "POST"): Promise<string | null> => {
      const body = method === "POST" ? '{"a":1}' : null;
      const headers = { "content-type": "application/json", soapaction: '"urn:shop#DeleteAll"' };
      await gateway.fetch(path, { method, body, headers });
      return lastSent(gateway).headers.get("soapaction");
    };
    expect(await chosen("/price/a", "GET")).toBe('"urn:shop#GetPrice"');
    expect(await chosen("/orders")).toBeNull();
    expect(await chosen("/soap12")).toBeNull();
    expect(await chosen("/envelope")).toBe("urn:own");
  });

  test("a fault becomes a problem with its own status, and is not edited", async () => {
    const gateway = await start(routes);
    const fault = (code: string): string =>
      `<s:Fault><faultcode>${code}</faultcode><faultstring>no</faultstring><detail><trace/></detail></s:Fault>`;
    for (const [code, status] of [
      ["s:Client", 400],
      ["s:Server", 502],
      ["s:Client.NotFound", 404],
      ["x", 502],
    ] as const) {
      answer = () => soapAnswer(fault(code), 500);
      const response = await gateway.fetch("/price/a");
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({
        status,
        detail: "no",
        faultCodes: code.replace("s:", "").split("."),
      });
    }
    answer = () => soapAnswer("<x/>");
    expect((await gateway.fetch("/price/a")).status).toBe(502);
    answer = () => soapAnswer("").clone();
    expect((await gateway.fetch("/price/a")).status).toBe(502);
  });

  test("clients of SOAP in front of a service of JSON", async () => {
    const gateway = await start(routes);
    answer = async (request) => Response.json({ echo: await request.clone().json() });
    const call = (body: string): Promise<Response> => post(gateway, "/facade", "text/xml", body, { soapaction: '"x"' });
    const response = await call(envelope("<GetPrice><Item>Apples</Item></GetPrice>"));
    expect(response.headers.get("content-type")).toBe("application/soap+xml; charset=utf-8");
    expect(await response.text()).toContain(
      '<GetPriceResponse xmlns="urn:shop"><echo><Item>Apples</Item></echo></GetPriceResponse>',
    );
    answer = () => Response.json({ title: "no such thing" }, { status: 404 });
    const fault = await call(envelope("<GetPrice/>"));
    expect([fault.status, await fault.text()]).toEqual([
      400,
      expect.stringContaining('<soap:Text xml:lang="en">no such thing</soap:Text>'),
    ]);
    for (const body of [
      "<a/>",
      "",
      envelope("<Other/>"),
      envelope("").replace("<s:Header/>", '<s:Header><a s:mustUnderstand="1"/></s:Header>'),
    ])
      expect((await call(body)).status).toBe(400);
    expect((await post(gateway, "/facade", "multipart/related; boundary=b", "--b--")).status).toBe(415);
  });
});

describe("forms", () => {
  test("become JSON", async () => {
    const gateway = await start(routes);
    answer = () => Response.json({});
    const type = "application/x-www-form-urlencoded";
    expect((await post(gateway, "/form", type, "name=a+b&age=7&tags[]=x&address[city]=%C3%A4")).status).toBe(200);
    expect(await lastSent(gateway).text()).toBe('{"name":"a b","age":7,"tags":["x"],"address":{"city":"ä"}}');
    expect(lastSent(gateway).headers.get("content-type")).toBe("application/json");
    const form = new FormData();
    form.append("name", 'a "b"');
    form.append("tags", "x\ny");
    expect((await gateway.fetch("/form", { method: "POST", body: form })).status).toBe(200);
    expect(await lastSent(gateway).json()).toEqual({ name: 'a "b"', tags: [expect.stringMatching(/^x\r?\ny$/)] });
    form.append("file", new File(["x"], "x.txt"));
    expect((await gateway.fetch("/form", { method: "POST", body: form })).status).toBe(400);
  });

  test.each<[form: string, status: number]>([
    ["name=1&name=2", 400],
    ["__proto__[admin]=1", 400],
    ["a[constructor][prototype][x]=1", 400],
    ["a=%", 400],
    ["a=%FF", 400],
    ["age=x", 400],
    [`age=${"9".repeat(1_000)}`, 400],
    ["a[b=1", 400],
    [`a${"[b]".repeat(20)}=1`, 413],
    ["a&".repeat(limits.forms.fieldsMax + 1), 413],
    ["", 200],
  ])("hostile: %s", async (form, status) => {
    const gateway = await start(routes);
    answer = () => Response.json({});
    expect((await post(gateway, "/form", "application/x-www-form-urlencoded", form)).status).toBe(status);
  });

  test("are made of JSON", async () => {
    const gateway = await start(routes);
    answer = () => Response.json({});
    expect((await post(gateway, "/login", "application/json", '{"user":"a&b","scope":["x","y"]}')).status).toBe(200);
    expect(await lastSent(gateway).text()).toBe("user=a%26b&scope=x&scope=y&grant_type=password");
    expect(lastSent(gateway).headers.get("content-type")).toBe("application/x-www-form-urlencoded");
    expect((await post(gateway, "/login", "application/json", '{"user":{"a":1}}')).status).toBe(400);
    expect((await post(gateway, "/login", "text/plain", "as it is")).status).toBe(200);
    expect(await lastSent(gateway).text()).toBe("as it is");
  });
});

describe("parts of a composed answer", () => {
  const feed = (content: string): string =>
    `<rss version="2.0"><channel><item><size>${content}</size></item></channel></rss>`;
  const ask = async (text: BodyInit, type: string): Promise<unknown> => {
    const gateway = await start(routes);
    answer = (request) =>
      request.url.includes("note") ? new Response("[1] ä") : new Response(text, { headers: { "content-type": type } });
    const response = await gateway.fetch("/parts");
    expect(response.status).toBe(200);
    const asked = gateway.sent.map(({ headers }) => headers.get("accept"));
    expect(asked).toContain("application/xml, text/xml;q=0.9, */*;q=0.1");
    return response.json();
  };

  test("XML and text", async () => {
    expect(await ask(feed("7"), "application/rss+xml")).toEqual({
      feed: { "@version": "2.0", channel: { item: [{ size: 7 }] } },
      note: "[1] ä",
    });
  });

  test.each<[name: string, text: BodyInit, type: string]>([
    ["another type", feed("1"), "text/html"],
    ["another root", "<a/>", "text/xml"],
    ["a document type", `<!DOCTYPE rss>${feed("1")}`, "text/xml"],
    ["no number", feed("x"), "text/xml"],
    ["no end", feed("1").slice(0, -1), "text/xml"],
    ["too large", feed(`<!--${"a".repeat(limits.gateway.partBodyBytesMax)}-->1`), "text/xml"],
    ["too deep", "<rss>".repeat(100_000), "text/xml"],
  ])("a part fails: %s", async (_, text, type) => {
    expect(await ask(text, type)).toEqual({ feed: null, note: "[1] ä" });
  });
});
