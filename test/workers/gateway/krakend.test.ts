/** KrakenD's own cases of composed answers, as a client sees them. Skipped where ../shared/vectors is not there. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { type Endpoint, routeOf } from "../../support/krakend-document.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";

declare global {
  interface ImportMeta {
    /** Vite's: modules by their path; none where nothing is there. */
    glob<Module>(pattern: string, options: { eager: true; import: "default" }): Record<string, Module>;
  }
}

interface Spec {
  readonly in: {
    readonly method?: string;
    readonly url: string;
    readonly header?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  readonly out: {
    readonly status_code: number;
    readonly body?: unknown;
    readonly header?: Readonly<Record<string, readonly string[]>>;
  };
}

const configurations = import.meta.glob<{ endpoints: Endpoint[] }>("../../../../shared/vectors/krakend/krakend.json", {
  eager: true,
  import: "default",
});
const specs = import.meta.glob<Spec>("../../../../shared/vectors/krakend/specs/*.json", {
  eager: true,
  import: "default",
});
const endpoints = Object.values(configurations)[0]?.endpoints ?? [];
const cases = Object.entries(specs).map(([path, spec]) => ({ name: /([^/]+)\.json$/.exec(path)?.[1] ?? "", ...spec }));

/** Cases that are of nothing we compose, by their beginning. */
const NOT_OURS: Readonly<Record<string, string>> = {
  cors_: "CORS is a setting of the whole gateway, tested apart",
  integration_jsonschema: "an endpoint of KrakenD itself",
  jsonschema_: "bodies are validated by another policy",
  jwt_: "symmetric keys that an issuer publishes are not accepted",
  negotitate_plain: "answers are JSON, XML or a form, as the route says: there is no YAML",
  router_401: "symmetric keys that an issuer publishes are not accepted",
  router_redirect: "paths are compared with their case",
  sequential_4: "a template has no base64",
};
const reasonOf = (name: string): string | undefined =>
  Object.entries(NOT_OURS).find(([start]) => name.startsWith(start))?.[1];

/** KrakenD's errors are texts and 500; ours are problem documents of the status of a gateway. */
const STATUS: Readonly<Record<string, number>> = { backend_404: 502 };

/** The backend of its tests, on port 8081, and KrakenD itself on 8080. */
async function backend(request: Request): Promise<Response | undefined> {
  const { host, pathname, searchParams, search } = new URL(request.url);
  const missing = new Response("404 page not found\n", { status: 404, headers: { "content-type": "text/plain" } });
  if (host === "127.0.0.1:8080") return pathname.startsWith("/__debug") ? Response.json({ message: "pong" }) : missing;
  if (pathname.startsWith("/param_forwarding")) {
    const query: Record<string, string[]> = {};
    for (const [name, value] of searchParams) query[name] = [...(query[name] ?? []), value];
    const path = pathname === "/param_forwarding" ? "/param_forwarding/" : pathname;
    const body = searchParams.has("dump_body") ? { body: await request.text() } : {};
    return Response.json({ path, query, headers: Object.fromEntries(request.headers), foo: 42, ...body });
  }
  if (pathname.startsWith("/collection/"))
    return Response.json(Array.from({ length: 10 }, (_, i) => ({ path: pathname, i })));
  if (pathname === "/redirect/")
    return new Response(null, {
      status: Number(searchParams.get("status")),
      headers: { location: `/param_forwarding/${search}` },
    });
  if (pathname === "/xml") return new Response(USER, { headers: { "content-type": "application/xml" } });
  if (host === "showrss.info") {
    const title = `showRSS ${pathname.startsWith("/user/schedule/") ? "schedule" : "personal"} feed`;
    const feed = `<?xml version="1.0"?><rss version="2.0"><channel><title>${title}</title><item/><item/></channel></rss>`;
    return new Response(feed, { headers: { "content-type": "application/rss+xml; charset=utf-8" } });
  }
  if (pathname === "/delayed/") return new Promise(() => undefined);
  return missing;
}

const USER =
  '<?xml version="1.0" encoding="UTF-8"?><user type="admin"><name>Elliot</name><social><facebook>https://facebook.com</facebook>' +
  "<twitter>https://twitter.com</twitter><youtube>https://youtube.com</youtube></social></user>";

const routes = endpoints.map(routeOf).filter((route) => typeof route !== "string");

async function start(): Promise<Gateway> {
  const json = { selvage: 1, name: "krakend", gateway: { hosts: ["localhost"], routes } };
  const { document, problems } = checkDocument(json);
  if (document === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  return startGateway(compile(document).gateway, backend);
}

/** A document of XML in one form: members in the order of their names, without what is of KrakenD's own client. */
const comparableXml = (text: string): string[] =>
  (
    text
      .replace(/^<\?.*?\?>/, "")
      .replace(/<headers>.*<\/headers>/, "")
      .match(/<[^/][^>]*>[^<]*/g) ?? []
  ).sort();

/** What is of KrakenD's own client, which says who it is. */
function comparable(body: unknown): unknown {
  const value = typeof body === "string" && /^[[{]/.test(body) ? JSON.parse(body) : body;
  if (typeof value !== "object" || value === null) return typeof value === "string" ? value.trim() : value;
  const { headers: _, first, problems: __, error_backend_b: ___, ...rest } = value as Record<string, unknown>;
  return first === undefined ? rest : { ...rest, first: comparable(first) };
}

afterEach(() => vi.restoreAllMocks());

describe.skipIf(cases.length === 0)("KrakenD's cases (skipped without ../shared/vectors)", () => {
  test("each is ours or has a reason", () => {
    const ours = cases.filter(({ name }) => reasonOf(name) === undefined);
    expect({ all: cases.length, ours: ours.length }).toEqual({ all: 46, ours: 30 });
    const reasons = endpoints.map(routeOf).filter((route) => typeof route === "string");
    expect(reasons.length + routes.length).toBe(endpoints.length);
  });

  test.each(cases.filter(({ name }) => reasonOf(name) === undefined))("$name", async ({ name, in: asked, out }) => {
    const gateway = await start();
    const { pathname, search } = new URL(asked.url);
    const { method = "GET", header = {}, body } = asked;
    const headers = body === undefined ? header : { ...header, "content-type": "application/json" };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await gateway.fetch(pathname + search, { host: "localhost", ...init });
    const text = await response.text();
    expect(response.status).toBe(STATUS[name] ?? out.status_code);
    const [completed] = out.header?.["X-Krakend-Completed"] ?? [];
    if (out.status_code >= 400) return;
    if (completed !== undefined && !name.startsWith("no-op"))
      expect(response.headers.has("x-selvage-partial")).toBe(completed === "false");
    if (name.startsWith("xml_")) expect(comparableXml(text)).toEqual(comparableXml(String(out.body)));
    else if (out.body !== undefined) expect(comparable(text)).toEqual(comparable(out.body));
    if (method === "POST" && body !== undefined) expect(JSON.parse(text).headers).toMatchObject({ "x-y-z": "true" });
  });

  test("what failed is said in `problems` (detail_error)", async () => {
    const response = await (await start()).fetch("/detail_error", { host: "localhost" });
    expect(await response.json()).toMatchObject({ problems: [{ part: "resp1", status: 404 }] });
  });
});
