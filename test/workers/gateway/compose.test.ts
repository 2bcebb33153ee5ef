import { afterEach, describe, expect, test, vi } from "vitest";
import { startComposed } from "./support/composed.ts";

afterEach(() => vi.restoreAllMocks());

const json = (value: unknown, init?: ResponseInit) => () => Response.json(value, init);
const pathOf = ({ url }: Request): string => new URL(url).pathname + new URL(url).search;
const post = (body: unknown, more: RequestInit = {}): RequestInit => ({
  method: "POST",
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { "content-type": "application/json" },
  ...more,
});

describe("what KrakenD's users ask for", () => {
  const login = `
match: { path: /login }
aggregate:
  first: { get: "a:/auth" }
  second: { post: "b:/fetch", when: 'first.code == "0000"', body: { token: "{first.token}" } }
`;

  test.each([
    ["0000", ["/auth", "/fetch"], { user: 7 }],
    ["0815", ["/auth"], null],
  ])("a second call only where the first one's body says %s (krakend-ce 413, 347)", async (code, paths, second) => {
    const gateway = await startComposed(login, { a: json({ code, token: "t" }), b: json({ user: 7 }) });
    const response = await gateway.fetch("/login");
    expect(response.status).toBe(200);
    expect(response.headers.get("x-selvage-partial")).toBeNull();
    expect(await response.json()).toEqual({ first: { code, token: "t" }, second });
    expect(gateway.sent.map(pathOf)).toEqual(paths);
  });

  test("a call by the status of another (krakend-ce 201)", async () => {
    const route = `
match: { path: /verify }
aggregate:
  check: { get: "a:/check" }
  created: { get: "b:/created", when: "status.check == 201" }
  known: { get: "b:/known", when: "status.check == 200" }
`;
    const gateway = await startComposed(route, { a: json({}, { status: 201 }), b: json(1) });
    expect(await (await gateway.fetch("/verify")).json()).toEqual({ check: {}, created: 1, known: null });
  });

  const sales = `
match: { path: /sales }
aggregate:
  sales: { get: "a:/sales" }
  details: { get: "b:/details/{item.id}", forEach: "{sales}", when: "size(sales) > 0" }
  summary: { post: "c:/summary", body: { ids: "{sales.*.id}" }, query: { id: "{sales.*.id}" }, when: "size(sales) > 0" }
`;

  test("nothing more is asked for when a list is empty (krakend-ce 401)", async () => {
    const gateway = await startComposed(sales, { a: json([]) });
    expect(await (await gateway.fetch("/sales")).json()).toEqual({ sales: [], details: null, summary: null });
    expect(gateway.sent.map(pathOf)).toEqual(["/sales"]);
  });

  test("a list is the input of others, element by element or whole (krakend-ce 477, lura 447)", async () => {
    const gateway = await startComposed(sales, {
      a: json([{ id: 3 }, { id: 1 }]),
      b: (_, url) => Response.json(url.pathname),
      c: async (request, url) => Response.json({ query: url.search, body: await request.json() }),
    });
    expect(await (await gateway.fetch("/sales")).json()).toEqual({
      sales: [{ id: 3 }, { id: 1 }],
      details: ["/details/3", "/details/1"],
      summary: { query: "?id=3&id=1", body: { ids: [3, 1] } },
    });
  });

  test("values keep their type, and stay exact (lura 218)", async () => {
    const route = `
match: { path: /typed }
aggregate:
  source: { get: "a:/" }
  target:
    post: "b:/{source.big}/{source.yes}/{source.price}"
    headers: { x-id: "{source.big}" }
    body: { id: "{source.big}", yes: "{source.yes}", none: "{source.none}", tags: "{source.tags}", text: "n{source.big}", whole: "{source}", gone: "{source.gone?}" }
`;
    const source = '{"big":9007199254740993,"yes":true,"none":null,"price":1.50,"tags":["a",2]}';
    let sent = "";
    const gateway = await startComposed(route, {
      a: () => new Response(source),
      b: async (request) => {
        sent = await request.text();
        return Response.json({ path: pathOf(request), id: request.headers.get("x-id") });
      },
    });
    const response = await gateway.fetch("/typed");
    expect(await response.text()).toBe(
      '{"source":{"big":9007199254740993,"yes":true,"none":null,"price":1.5,"tags":["a",2]},"target":{"path":"/9007199254740993/true/1.5","id":"9007199254740993"}}',
    );
    expect(sent).toBe(
      '{"id":9007199254740993,"yes":true,"none":null,"tags":["a",2],"text":"n9007199254740993","whole":{"big":9007199254740993,"yes":true,"none":null,"price":1.5,"tags":["a",2]}}',
    );
  });

  test.each([
    [404, "{ from: a }", 404],
    [409, "{ map: { 409: 422 } }", 422],
    [418, "{ map: { 4xx: 400 } }", 400],
    [500, "{ from: a }", 500],
    [401, "{ from: a }", 502],
    [302, "{ from: a }", 502],
    [404, "{ from: b }", 502],
  ])("a part's %i by `status: %s` is %i (lura 592)", async (status, policy, told) => {
    const route = `
match: { path: /x }
aggregate: { a: { get: "a:/" }, b: { get: "b:/" } }
answer: { status: ${policy} }
`;
    const gateway = await startComposed(route, { a: () => new Response(null, { status }), b: json(1) });
    const response = await gateway.fetch("/x");
    expect(response.status).toBe(told);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status: told, part: "a", partStatus: status });
  });
});

describe("the answer", () => {
  const shop = `
match: { path: "/shop/{id}" }
aggregate:
  order: { get: "a:/orders/{path.id}" }
  products: { get: "b:/products", query: { id: "{order.items.*.productId}" } }
  reviews: { get: "c:/reviews/{item.productId}", forEach: { in: "{order.items}", max: 5, optional: true }, optional: true }
answer:
  output:
    id: "{order.id}"
    title: "Order {order.id} of {query.who}"
    customer: { name: "{order.customer.name}", mail: "{order.customer.mail?}" }
    lines: { $join: "{order.items}", $with: "{products}", $on: [productId, id], $as: product }
    reviews: { $flatten: "{reviews}" }
    names: { $each: "{products}", $as: "{index}: {item.name}" }
    all: { $merge: ["{order.customer}", { plan: free }] }
  status: { from: order }
  headers: { order: [location, x-total] }
  problems: true
`;
  const order = { id: 7, customer: { name: "Alice" }, items: [{ productId: 1 }, { productId: "2" }] };

  test("is what its template says: renamed, grouped, joined, flattened, merged", async () => {
    const gateway = await startComposed(shop, {
      a: json(order, { status: 201, headers: { location: "/orders/7", "x-total": "2", "x-other": "no" } }),
      b: json([
        { id: 2, name: "pen" },
        { id: 1, name: "ink" },
      ]),
      c: (_, url) => Response.json([url.pathname]),
    });
    const response = await gateway.fetch("/shop/7?who=me");
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe("/orders/7");
    expect(response.headers.get("x-total")).toBe("2");
    expect(response.headers.get("x-other")).toBeNull();
    expect(await response.json()).toEqual({
      id: 7,
      title: "Order 7 of me",
      customer: { name: "Alice" },
      lines: [
        { productId: 1, product: { id: 1, name: "ink" } },
        { productId: "2", product: { id: 2, name: "pen" } },
      ],
      reviews: ["/reviews/1", "/reviews/2"],
      names: ["0: pen", "1: ink"],
      all: { name: "Alice", plan: "free" },
    });
    expect(gateway.sent.map(pathOf)).toContain("/products?id=1&id=2");
  });

  test("names what is missing", async () => {
    const gateway = await startComposed(shop, {
      a: json(order),
      b: json([]),
      c: (_, url) => (url.pathname.endsWith("1") ? new Response("", { status: 404 }) : Response.json(["x"])),
    });
    const response = await gateway.fetch("/shop/7?who=me");
    expect(response.headers.get("x-selvage-partial")).toBe("reviews");
    expect(await response.json()).toMatchObject({
      reviews: [null, "x"],
      problems: [{ part: "reviews", status: 404, title: "Not found" }],
    });
  });

  test("a fallback stands for what failed, and is told of", async () => {
    const route = `
match: { path: /f }
aggregate: { a: { get: "a:/", fallback: { theme: light } } }
`;
    const gateway = await startComposed(route, {});
    const response = await gateway.fetch("/f");
    expect(response.headers.get("x-selvage-partial")).toBe("a");
    expect(await response.json()).toEqual({ a: { theme: "light" } });
  });
});

describe("a route for POST", () => {
  test("each call that does something has an idempotency key of its own, the same when the client repeats its request", async () => {
    const keys: (string | null)[] = [];
    const note = (request: Request) => {
      keys.push(request.headers.get("idempotency-key"));
      return Response.json({ ids: [1, 2] });
    };
    const gateway = await startComposed(
      `
match: { path: /orders, methods: [POST] }
aggregate:
  order: { get: "a:/order" }
  lines: { post: "b:/lines", body: { id: "{item}" }, forEach: "{order.ids}" }
  other: { post: "c:/other", headers: { idempotency-key: "own" } }
`,
      { a: note, b: note, c: note },
    );
    const ask = async (key: string) => {
      keys.length = 0;
      await gateway.fetch("/orders", { method: "POST", headers: { "idempotency-key": key } });
      return keys.filter((one) => one !== null).toSorted();
    };
    const first = await ask('"abc"');
    expect(first).toEqual([
      expect.stringMatching(/^"[0-9a-f]{64}"$/),
      expect.stringMatching(/^"[0-9a-f]{64}"$/),
      "own",
    ]);
    expect(new Set(first).size).toBe(3);
    expect(keys).toContain(null);
    expect(await ask('"abc"')).toEqual(first);
    expect(await ask('"abd"')).not.toEqual(first);
  });

  const create = `
match: { path: /orders, methods: [POST] }
maxBody: 64KiB
aggregate:
  user: { get: "a:/users/{body.user.id}" }
  order: { post: "b:/orders", body: { user: "{user.id}", lines: "{body.lines}" }, when: "body.lines.exists(line, line.count > 0)" }
answer: { status: { from: order }, output: "{order}" }
`;
  const answers = {
    a: (_: Request, url: URL) => Response.json({ id: url.pathname }),
    b: async (request: Request) => Response.json({ got: await request.json() }, { status: 201 }),
  };

  test("has its body in templates and conditions", async () => {
    const gateway = await startComposed(create, answers);
    const response = await gateway.fetch("/orders", post({ user: { id: 5 }, lines: [{ count: 2 }] }));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ got: { user: "/users/5", lines: [{ count: 2 }] } });
    const sent = gateway.sent.find(({ method }) => method === "POST");
    expect(sent?.headers.get("content-type")).toBe("application/json");
    expect(sent?.headers.get("content-digest")).not.toBeNull();
  });

  test("says nothing of the client's content beside its own", async () => {
    const gateway = await startComposed(create, answers);
    const told = ["content-md5", "digest", "repr-digest", "content-language"];
    const headers = Object.fromEntries([["content-type", "application/json"], ...told.map((name) => [name, "x"])]);
    await gateway.fetch("/orders", { ...post({ user: { id: 5 }, lines: [{ count: 1 }] }), headers });
    for (const { headers: sent } of gateway.sent) for (const name of told) expect(sent.get(name)).toBeNull();
    expect(gateway.sent.length).toBeGreaterThan(0);
  });

  test("does nothing twice", async () => {
    const gateway = await startComposed(create, { ...answers, b: () => undefined });
    expect((await gateway.fetch("/orders", post({ user: { id: 5 }, lines: [{ count: 1 }] }))).status).toBe(502);
    expect(gateway.sent).toHaveLength(2);
  });

  test.each([
    ["no JSON", "{", 400],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), 400],
    ["too deep", "[".repeat(100) + "]".repeat(100), 400],
    ["deeper than a stack", "[".repeat(20_000) + "]".repeat(20_000), 400],
    ["too long", JSON.stringify("x".repeat(70_000)), 413],
    ["empty", "", 502],
    ["no object", "7", 502],
    ["without what is named", "{}", 502],
    ["a prototype", '{"__proto__":{"user":{"id":1}},"constructor":{"id":1}}', 502],
    ["a huge number", '{"user":{"id":1e999},"lines":[]}', 200],
    ["a name twice", '{"user":{"id":1},"user":{"id":2},"lines":[]}', 200],
    ["a null", "null", 502],
  ])("a body that is %s", async (_, body, status) => {
    const gateway = await startComposed(create, answers);
    const response = await gateway.fetch("/orders", {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(status);
    await response.body?.cancel();
  });

  test.each([
    ["what another part did is not done again under the same key", "post", [502, 409], 1],
    ["nothing was done: the key may be used again", "get", [502, 502], 2],
  ])("%s", async (_, method, statuses, paid) => {
    const route = `
match: { path: /${method}, methods: [POST] }
idempotency: {}
aggregate:
  paid: { ${method}: "a:/pay" }
  mailed: { get: "b:/mail/{paid.id}" }
`;
    const gateway = await startComposed(route, { a: json({ id: 1 }), b: json({}, { status: 500 }) });
    const pay = { method: "POST", headers: { "idempotency-key": `"${method}"` } };
    expect([(await gateway.fetch(`/${method}`, pay)).status, (await gateway.fetch(`/${method}`, pay)).status]).toEqual(
      statuses,
    );
    expect(gateway.sent.filter((request) => pathOf(request) === "/pay")).toHaveLength(paid);
  });

  test("without `methods` it is for GET and HEAD", async () => {
    const gateway = await startComposed('match: { path: /x }\naggregate: { a: { get: "a:/" } }', { a: json(1) });
    expect((await gateway.fetch("/x", { method: "DELETE" })).status).toBe(405);
  });
});
