/** Code that the gateway of these tests is deployed with. */
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import * as z from "zod/mini";
import { defineHandler, definePolicy } from "../../../../workers/gateway/code/policy.ts";

const addTenant = definePolicy(
  z.object({ header: z._default(z.string(), "x-tenant"), suffix: z.optional(z.string()) }),
  async (c, next) => {
    const { header, suffix = "" } = c.get("settings");
    const { sub } = c.get("identity");
    if (c.req.query("tenant") === "none") return c.json({ error: "no tenant" }, 422);
    c.get("request").headers.set(header, `${sub}${suffix}`);
    c.get("request").headers.delete("x-gone");
    c.set("tenant", `tenant of ${sub}`);
    c.get("log").info("tenant", { header, route: c.get("route").name });
    await next();
    c.header("x-answered", `${c.res.status} with ${c.get("settings").header}`);
    c.get("log").info("answered");
    return undefined;
  },
);

const upper = definePolicy(async (c, next) => {
  const { text } = await c.req.json<{ text: string }>();
  if (c.req.query("keep") === undefined) c.get("request").setBody(text.toUpperCase(), "text/plain");
  if (c.req.query("query") !== undefined) c.get("request").setQuery(new URLSearchParams({ a: "1 2" }));
  await next();
  c.res = new Response(`<${await c.res.text()}>`, { status: 201 });
});

const quote = defineHandler(z.object({ currency: z.string() }), async (c) => {
  const { orders, rates } = c.get("services");
  if (orders === undefined || rates === undefined) throw new Error("`calls` names them");
  const order = await orders.json<{ price: number }>(`/orders/${c.get("route").params.id}`);
  const answer = await rates.fetch("/rates?to=EUR", {
    method: "POST",
    json: { currency: c.get("settings").currency },
    headers: { "x-api-key": String(c.get("settings").currency) },
    timeoutMs: 400,
  });
  const { rate = 1 } = (await answer.json()) as { rate?: number };
  return c.json({ price: order.price * rate, tenant: c.get("tenant"), for: c.req.header("x-tenant") }, 200, {
    "selvage-load": "1",
    "x-own": "yes",
  });
});

/** Whatever code may do wrong, by the name in `x-do`. */
const hostile = definePolicy(async (c, next) => {
  const { headers } = c.get("request");
  const what = c.req.query("do") ?? "";
  const acts: Record<string, () => unknown> = {
    throw: () => {
      throw new Error("secret reason");
    },
    "throw-text": () => {
      throw "a text";
    },
    refuse: () => {
      throw new HTTPException(418, { message: "short and stout" });
    },
    hang: () => new Promise(() => undefined),
    nothing: () => undefined,
    text: () => "a text",
    identity: () => headers.set("selvage-identity", "admin"),
    underscore: () => headers.set("Selvage_Identity", "admin"),
    token: () => headers.set("Txn-Token", "x"),
    forwarded: () => headers.set("X-Forwarded-For", "1.2.3.4"),
    user: () => headers.set("x-user", "admin"),
    "user-away": () => headers.delete("x-user"),
    host: () => headers.set("host", "elsewhere.example"),
    crlf: () => headers.set("x-a", "1\r\nx-evil: 1"),
    name: () => headers.set("x a", "1"),
    query: () => c.get("request").setQuery("a=1#b"),
    twice: async () => [await c.req.raw.text(), await c.req.raw.text()],
    stranger: () => c.get("services").inventory,
    path: () => c.get("services").orders?.fetch("//evil\r\n"),
    up: () => c.get("services").orders?.fetch("/a/../admin"),
    "up-encoded": () => c.get("services").orders?.fetch("/%2E./admin?a=b"),
    backslash: () => c.get("services").orders?.fetch("/..\\admin"),
    dots: () => c.get("services").rates?.fetch("/.well-known/a..b?path=/../\\"),
    "call-field": () => c.get("services").orders?.fetch("/", { headers: { "selvage-priority": "high" } }),
    "too-many": () => Promise.all(Array.from({ length: 101 }, () => c.get("services").rates?.fetch("/"))),
    "bad-status": () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }),
    "error-response": () => Response.error(),
    "next-twice": async () => {
      await next();
      await next();
    },
    "not-awaited": () => {
      void next();
    },
    "read-answer": async () => {
      await next();
      await c.res.text();
    },
    late: async () => {
      await next();
      headers.set("x-late", "1");
    },
  };
  const act = acts[what];
  if (act !== undefined) {
    const made = await act();
    if (["nothing", "text", "hang", "bad-status", "error-response", "next-twice", "not-awaited"].includes(what))
      return made as Response;
  }
  if (!c.finalized) await next();
  return undefined;
});

const own = defineHandler((c) => {
  const { method, url } = c.req;
  const head = new Headers({ "set-cookie": "a=1", connection: "x-gone", "x-gone": "1", "selvage-error": "no_route" });
  return c.req.query("do") === "nothing"
    ? (undefined as unknown as Response)
    : new Response(`${method} ${url} ${Object.keys(c.env).length}`, { headers: head });
});

const echo = defineHandler(async (c) => c.text(`${c.req.header("content-type")} ${await c.req.text()}`));

const through = defineHandler(async (c) => (await c.get("services").self?.fetch(c.req.path)) ?? c.text("none"));

/** What types forbid, and JavaScript does not. */
const tamper = definePolicy(async (c, next) => {
  const { identity, route } = c.var as unknown as { identity: Record<string, unknown>; route: { params: object } };
  Object.assign(identity, { sub: "admin", scopes: ["all"] });
  Object.assign(identity.claims as object, { tenant: "other" });
  Object.assign(route.params, { id: "2" });
  await next();
});

const withContent = definePolicy(async (c, next) => {
  c.get("request").setBody("content");
  await next();
});

/** What a client asks it for is no JSON. */
const spoil = definePolicy(async (c, next) => {
  await next();
  if (c.req.header("x-spoil") !== undefined)
    c.res = new Response("{", { headers: { "content-type": "application/json" } });
});

const make = (code: unknown) => async () => ({ default: code });

export const modules = {
  "policies/add-tenant.ts": make(addTenant),
  "policies/upper.ts": make(upper),
  "policies/quote.ts": make(quote),
  "policies/hostile.ts": make(hostile),
  "policies/own.ts": make(own),
  "policies/echo.ts": make(echo),
  "policies/through.ts": make(through),
  "policies/with-content.ts": make(withContent),
  "policies/tamper.ts": make(tamper),
  "policies/spoil.ts": make(spoil),
  "policies/etag.ts": make(etag()),
  "policies/no-function.ts": make({ fetch: () => undefined }),
  "policies/broken.ts": async () => {
    throw new Error("it cannot be loaded");
  },
};
