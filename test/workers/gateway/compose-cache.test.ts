import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startComposed } from "./support/composed.ts";

afterEach(() => vi.restoreAllMocks());

/** Stores outlive a gateway: each case asks for a product of its own. */
let unique = 0;

describe("answers to parts that are kept", () => {
  const keptShop = (cache: string, more = "") => `
match: { path: "/shop/{id}" }
aggregate:
  order: { get: "a:/orders/{path.id}" }
  product: { get: "b:/products/{order.product}", cache: ${cache}${more} }
`;
  const order = (_: Request, url: URL) => Response.json({ id: url.pathname, product: unique });
  beforeEach(() => void unique++);

  /** Tells how often it was asked. */
  const counting = (headers: Record<string, string> = {}) => {
    let asked = 0;
    return () => Response.json({ asked: ++asked }, { headers });
  };
  const productOf = async (gateway: Awaited<ReturnType<typeof startComposed>>, init: RequestInit = {}, id = "1") =>
    ((await (await gateway.fetch(`/shop/${id}`, init)).json()) as { product: { asked: number } }).product?.asked;

  test("a part with a cache is asked once, one without each time; an equal part of another request is the same", async () => {
    const gateway = await startComposed(keptShop("{ ttl: 1m }"), { a: order, b: counting() });
    expect([await productOf(gateway), await productOf(gateway), await productOf(gateway, {}, "2")]).toEqual([1, 1, 1]);
    expect(gateway.sent.filter(({ url }) => url.includes("/orders/"))).toHaveLength(3);
    const response = await gateway.fetch("/shop/1");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("cache-status")).toBeNull();
  });

  test("a part that another version asks of another service is not answered by the first one", async () => {
    const shop = (service: string) => `
match: { path: "/shop/{id}" }
aggregate:
  product: { get: "${service}:/products/${unique}", cache: { ttl: 1m } }
`;
    const answers = { b: () => Response.json({ asked: "b" }), c: () => Response.json({ asked: "c" }) };
    for (const service of ["b", "b", "c"])
      expect(await productOf(await startComposed(shop(service), answers))).toBe(service);
  });

  test("what its answer says counts: no-store, private, a lifetime, Vary", async () => {
    for (const said of ["no-store", "max-age=0"]) {
      unique++;
      const gateway = await startComposed(keptShop("{ ttl: 1m }"), {
        a: order,
        b: counting({ "cache-control": said }),
      });
      expect([said, await productOf(gateway), await productOf(gateway)]).toEqual([said, 1, 2]);
    }
    unique++;
    const varying = await startComposed(keptShop("true"), {
      a: order,
      b: counting({ "cache-control": "max-age=60", vary: "accept-language" }),
    });
    const as = (language: string) => productOf(varying, { headers: { "accept-language": language } });
    expect([await as("de"), await as("en"), await as("de")]).toEqual([1, 2, 1]);
  });

  test("a client that wants no stored answer, or only such, gets the composed one all the same", async () => {
    const gateway = await startComposed(keptShop("{ ttl: 1m }"), { a: order, b: counting() });
    for (const directive of ["no-cache", "only-if-cached", "no-store", "max-age=0"])
      expect(await productOf(gateway, { headers: { "cache-control": directive } })).toBe(1);
  });

  test("calls whose own headers differ share nothing", async () => {
    const gateway = await startComposed(keptShop("{ ttl: 1m }", ', headers: { x-tenant: "{query.tenant}" }'), {
      a: order,
      b: counting(),
    });
    const asTenant = (tenant: string) => productOf(gateway, {}, `1?tenant=${tenant}`);
    expect([await asTenant("x"), await asTenant("y"), await asTenant("x")]).toEqual([1, 2, 1]);
  });

  test("nor do they where identities share what is public", async () => {
    const gateway = await startComposed(
      keptShop("{ ttl: 1m, shared: true }", ', headers: { x-tenant: "{query.tenant}" }'),
      { a: order, b: counting({ "cache-control": "public, max-age=60" }) },
    );
    const asTenant = (tenant: string) => productOf(gateway, {}, `1?tenant=${tenant}`);
    expect([await asTenant("x"), await asTenant("y"), await asTenant("x")]).toEqual([1, 2, 1]);
  });

  test("one that failed is asked again; a stored one stands in for an upstream that is away, where the part says so", async () => {
    let isUp = false;
    const b = () => (isUp ? Response.json({ asked: 1 }) : new Response(null, { status: 500 }));
    const gateway = await startComposed(keptShop("{ ttl: 1m }", ", optional: true"), { a: order, b });
    expect(await productOf(gateway)).toBeUndefined();
    isUp = true;
    expect(await productOf(gateway)).toBe(1);
    isUp = false;
    expect(await productOf(gateway)).toBe(1);
    unique++;
    const stale = await startComposed(keptShop("{ ttl: 1ms, staleIfError: 1m }"), { a: order, b });
    isUp = true;
    expect(await productOf(stale)).toBe(1);
    isUp = false;
    expect(await productOf(stale)).toBe(1);
  });

  test("twenty equal calls at once ask once", async () => {
    const gateway = await startComposed(keptShop("{ ttl: 1m }"), { a: order, b: counting() });
    const found = await Promise.all(Array.from({ length: 20 }, (_, at) => productOf(gateway, {}, String(at))));
    expect(new Set(found)).toEqual(new Set([1]));
  });

  test("elements of a fan-out have answers of their own", async () => {
    const gateway = await startComposed(
      `
match: { path: /list }
aggregate:
  ids: { get: "a:/ids" }
  items: { get: "b:/items/${unique}/{item}", forEach: "{ids}", cache: { ttl: 1m } }
`,
      { a: () => Response.json([1, 2, 1]), b: (_, url) => Response.json(url.pathname) },
    );
    for (const _ of [1, 2])
      expect(await (await gateway.fetch("/list")).json()).toMatchObject({
        items: [1, 2, 1].map((id) => `/items/${unique}/${id}`),
      });
    expect(gateway.sent.filter(({ url }) => url.includes("/items/"))).toHaveLength(2);
  });
});
