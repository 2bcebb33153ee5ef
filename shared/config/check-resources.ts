/** Checks of `resources`: identifiers that clients can use, hosts that are served, metadata that says where tokens come from. */
import { isAuthorizationServer, RESOURCE_METADATA } from "../auth/resource.ts";
import { hostRank } from "../route/compare-routes.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { isRouteOf, type ResourcePlace, resourcePlace } from "../route/resource-place.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkResources(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const resources = gateway.get("resources").items;
  if (resources.length === 0) return [];
  const hosts = gateway.get("hosts").texts;
  const problems = resources.flatMap((resource) => checkIdentifier(resource.get("identifier"), hosts));
  if (problems.length > 0) return problems;
  const places = resources.flatMap(({ value }) => {
    const identifier = (value as { identifier?: unknown } | null)?.identifier;
    return typeof identifier === "string" && URL.canParse(identifier) ? [resourcePlace(identifier)] : [];
  });
  if (places.length < resources.length) return [];
  return [
    ...checkRepeated(resources, places),
    ...resources.flatMap((resource, at) => checkServers(resource, places[at] as ResourcePlace, places, gateway)),
    ...gateway.get("routes").items.flatMap(checkHidden),
  ];
}

/** Section 1.2: an https URL without fragment; a query is for those who cannot do without. */
function checkIdentifier(identifier: Cursor, hosts: readonly string[]): DocumentProblem[] {
  const { text, path } = identifier;
  if (text === undefined || !URL.canParse(text)) return [];
  const url = new URL(text);
  const fail = (message: string, suggestion?: string): DocumentProblem[] => [
    error("SLV2001", path, `${quote(text)} ${message}`, {
      expected: "an https URL of this gateway, such as https://api.example.com/mcp",
      ...(suggestion !== undefined && { suggestion }),
    }),
  ];
  if (url.protocol !== "https:" && !isLoopback(url.hostname))
    return fail("is not https (RFC 9728 section 1.2)", text.replace("http:", "https:"));
  if (url.username !== "" || url.password !== "") return fail("has a user name or password");
  if (/[?#]/.test(text)) return fail("has a query or a fragment", url.origin + url.pathname);
  if (url.href !== text && url.href !== `${text}/`) return fail("is not in normal form", url.href);
  const refused = normalisePath(url.pathname).refused;
  if (refused !== undefined) return fail(`has a path that ${refused}`);
  const { host } = resourcePlace(text);
  const served = hosts.map((name) => name.toLowerCase());
  return served.length === 0 || hostRank(served, host) !== undefined
    ? []
    : [unknownName("SLV3010", "host", host, hosts, path)];
}

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);

function checkRepeated(resources: readonly Cursor[], places: readonly ResourcePlace[]): DocumentProblem[] {
  const seen = new Set<string>();
  return places.flatMap(({ host, path }, at) => {
    const place = `${host} ${path}`;
    const repeated = seen.has(place);
    seen.add(place);
    const where = (resources[at] as Cursor).get("identifier").path;
    return repeated ? [error("SLV3006", where, `a resource at ${host}${path} is listed already`)] : [];
  });
}

/** Clients come for the servers: metadata without one leads nowhere. */
function checkServers(
  resource: Cursor,
  place: ResourcePlace,
  places: readonly ResourcePlace[],
  gateway: Cursor,
): DocumentProblem[] {
  if (resource.get("authorizationServers").exists) return [];
  const providers = gateway.get("routes").items.flatMap((route) => {
    const { pattern } = matchPattern(route);
    const hosts = route.get("match", "hosts").texts.map((host) => host.toLowerCase());
    return pattern !== undefined && isRouteOf(pattern, hosts, place, places) ? providersOf(route.get("auth")) : [];
  });
  const issuers = providers.flatMap((name) =>
    ["jwt", "introspection"].map((kind) => gateway.get("identity", name, kind, "issuer").text ?? ""),
  );
  if (issuers.some(isAuthorizationServer)) return [];
  return [
    warning("SLV3009", resource.path, "no route of this resource takes tokens of an issuer that is a URL", {
      expected: "a route with `auth` at or below its path, or `authorizationServers`",
    }),
  ];
}

const providersOf = (auth: Cursor): string[] =>
  auth.text !== undefined ? [auth.text] : [...auth.get("any").texts, ...auth.get("all").texts];

function checkHidden(route: Cursor): DocumentProblem[] {
  const path = route.get("match", "path");
  if (path.text !== RESOURCE_METADATA && path.text?.startsWith(`${RESOURCE_METADATA}/`) !== true) return [];
  return [
    warning("SLV3012", path.path, "metadata of `resources` is answered before any route, so this one may get none"),
  ];
}
