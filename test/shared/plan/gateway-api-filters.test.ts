/**
 * The Gateway API's conformance cases of filters: redirects, rewrites of paths, edits of header fields. Rewrites of the host are left
 * out: the platform sends the host of the URL that it calls.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { applyHeaderEdits } from "../../../shared/policy/header-edits.ts";
import { compileRoutes, matchRoute } from "../../../shared/route/match-route.ts";
import { redirectLocation } from "../../../shared/route/redirect-location.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";

const vectors = new URL("../../../../shared/vectors/gateway-api/", import.meta.url);
const found = existsSync(new URL("cases.json", vectors)) ? vectors : undefined;

type Fields = Readonly<Record<string, string>>;

interface Case {
  readonly Request: {
    readonly Path: string;
    readonly Host?: string;
    readonly Method?: string;
    readonly Headers?: Fields;
  };
  readonly RedirectRequest?: {
    readonly Scheme?: string;
    readonly Host?: string;
    readonly Port?: string;
    readonly Path?: string;
  };
  readonly ExpectedRequest?: {
    readonly Request: { readonly Path?: string; readonly Headers?: Fields };
    readonly AbsentHeaders?: string[];
  };
  readonly BackendSetResponseHeaders?: Fields;
  readonly Response?: { readonly StatusCode?: number; readonly Headers?: Fields; readonly AbsentHeaders?: string[] };
}

interface Suite {
  readonly shortName: string;
  readonly manifests: readonly string[];
  readonly cases: readonly Case[];
}

type Named = readonly { readonly name: string; readonly value: string }[];

interface HeaderFilter {
  readonly set?: Named;
  readonly add?: Named;
  readonly remove?: readonly string[];
}

interface PathFilter {
  readonly type: "ReplacePrefixMatch" | "ReplaceFullPath";
  readonly replacePrefixMatch?: string;
  readonly replaceFullPath?: string;
}

interface Rule {
  readonly matches: readonly { readonly path: { readonly type: string; readonly value: string } }[];
  readonly filters?: readonly {
    readonly type: string;
    readonly requestRedirect?: {
      scheme?: string;
      hostname?: string;
      port?: number;
      statusCode?: number;
      path?: PathFilter;
    };
    readonly urlRewrite?: { readonly path?: PathFilter };
    readonly requestHeaderModifier?: HeaderFilter;
    readonly responseHeaderModifier?: HeaderFilter;
  }[];
}

const FILTERS = /Redirect|RewritePath|HeaderModifier/;

describe.skipIf(found === undefined)("skipped without the vectors", () => {
  const suites = found === undefined ? [] : (JSON.parse(readFileSync(new URL("cases.json", found), "utf8")) as Suite[]);
  const chosen = suites.filter(({ shortName }) => FILTERS.test(shortName));

  test("all suites of filters but that of hosts are there", () => {
    const others = suites.filter(
      ({ shortName }) => /Rewrite|Redirect|Modifier/.test(shortName) && !FILTERS.test(shortName),
    );
    expect(others.map(({ shortName }) => shortName)).toEqual(["HTTPRouteRewriteHost"]);
    expect(chosen.flatMap(({ cases }) => cases).length).toBeGreaterThan(50);
  });

  test.each(chosen.map((suite) => [suite.shortName, suite] as const))("%s", (_, { manifests, cases }) => {
    const routes = manifests.flatMap((manifest) =>
      rulesOf(readFileSync(new URL(`manifests/${manifest.replace("/", "-")}`, found), "utf8")),
    );
    // Cases of several listeners follow each other as their routes do, one for each rule.
    const listeners = routes.length > 1 ? routes.flatMap((rules, at) => rules.map(() => at)) : cases.map(() => 0);
    for (const [at, one] of cases.entries()) check(one, routes[listeners[at] ?? 0] ?? [], listeners[at] ?? 0);
  });
});

/** @returns the rules of each route */
function rulesOf(text: string): Rule[][] {
  const documents = parseAllDocuments(text).map(
    (document) => document.toJS() as { kind?: string; spec?: { rules?: Rule[] } } | null,
  );
  return documents.flatMap((document) => (document?.kind === "HTTPRoute" ? [document.spec?.rules ?? []] : []));
}

const LISTENERS = [
  { scheme: "http", port: "" },
  { scheme: "http", port: ":8080" },
  { scheme: "https", port: "" },
] as const;

function check(
  { Request: asked, RedirectRequest, ExpectedRequest, BackendSetResponseHeaders, Response }: Case,
  rules: readonly Rule[],
  listener: number,
): void {
  const host = asked.Host ?? "gateway.example";
  const { document, problems } = checkDocument({
    selvage: 1,
    name: "a",
    gateway: { hosts: [host], routes: rules.map(routeOf) },
  });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const { routes, hosts } = compile(document).gateway;
  const header = (name: string): string | undefined => asked.Headers?.[name];
  const question = { host, method: asked.Method ?? "GET", path: asked.Path, header };
  const matched = matchRoute(compileRoutes(routes, hosts), question as never);
  if (matched.route === undefined) throw new Error(`no route for ${asked.Path}`);
  const { route, params } = matched;
  const { scheme, port } = LISTENERS[listener] ?? LISTENERS[0];
  if (RedirectRequest !== undefined) {
    if (route.target.kind !== "redirect") throw new Error(`${route.name} is no redirect`);
    expect(route.target.to.status).toBe(Response?.StatusCode);
    const url = new URL(
      redirectLocation(route.target.to, { scheme, authority: host + port, path: asked.Path, query: "", params }),
    );
    expect(url.protocol).toBe(`${RedirectRequest.Scheme ?? scheme}:`);
    expect(url.hostname).toBe(RedirectRequest.Host ?? host);
    expect(url.pathname).toBe(RedirectRequest.Path ?? asked.Path);
    if (RedirectRequest.Port !== undefined || RedirectRequest.Scheme !== undefined)
      expect(url.port).toBe(RedirectRequest.Port ?? "");
    return;
  }
  expect(pathOf(route, params, asked.Path)).toBe(ExpectedRequest?.Request.Path ?? asked.Path);
  expectFields(
    edited(asked.Headers, route.transform.request),
    ExpectedRequest?.Request.Headers,
    ExpectedRequest?.AbsentHeaders,
  );
  expectFields(edited(BackendSetResponseHeaders, route.transform.response), Response?.Headers, Response?.AbsentHeaders);
}

function routeOf({ matches, filters = [] }: Rule, at: number): Record<string, unknown> {
  const { type, value } = matches[0]?.path ?? { type: "PathPrefix", value: "/" };
  const path = type === "Exact" ? value : `${value === "/" ? "" : value}/*`;
  const route: Record<string, unknown> = { name: `r${at}`, match: { path } };
  const transform: Record<string, unknown> = {};
  for (const { requestRedirect, urlRewrite, requestHeaderModifier, responseHeaderModifier } of filters) {
    if (requestRedirect !== undefined) {
      const { scheme, hostname: host, port, statusCode: status, path: other } = requestRedirect;
      const to = { scheme, host, port, status, path: other === undefined ? undefined : replacement(other) };
      route.redirect = Object.fromEntries(Object.entries(to).filter(([, one]) => one !== undefined));
    }
    if (urlRewrite?.path !== undefined) route.rewrite = replacement(urlRewrite.path);
    if (requestHeaderModifier !== undefined) transform.request = { headers: headersOf(requestHeaderModifier) };
    if (responseHeaderModifier !== undefined) transform.response = { headers: headersOf(responseHeaderModifier) };
  }
  if (Object.keys(transform).length > 0) route.transform = transform;
  return "redirect" in route ? route : { ...route, to: "https://backend.example" };
}

function replacement({ type, replacePrefixMatch = "", replaceFullPath = "" }: PathFilter): string {
  return type === "ReplaceFullPath" ? replaceFullPath : `${replacePrefixMatch.replace(/\/$/, "")}/*`;
}

function headersOf({ set, add, remove }: HeaderFilter): Record<string, unknown> {
  const named = (fields: Named): Fields => Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  return { ...(set && { set: named(set) }), ...(add && { add: named(add) }), ...(remove && { remove }) };
}

function pathOf({ target }: RoutePlan, params: Fields, path: string): string {
  return target.kind === "forward" && typeof target.rewrite === "string" ? rewritePath(target.rewrite, params) : path;
}

function edited(fields: Fields | undefined, edits: RoutePlan["transform"]["request"]): Headers {
  const headers = new Headers(fields);
  applyHeaderEdits(headers, edits, () => undefined);
  return headers;
}

function expectFields(headers: Headers, expected: Fields = {}, absent: readonly string[] = []): void {
  for (const [name, value] of Object.entries(expected)) expect(headers.get(name)?.replaceAll(", ", ",")).toBe(value);
  for (const name of absent) expect(headers.get(name)).toBeNull();
}
