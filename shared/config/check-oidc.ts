/** Checks of `oidc` providers that a schema cannot state. */
import { loginEndpoints } from "../auth/login-places.ts";
import { isLoopback } from "../http/page-request.ts";
import { limits } from "../limits.ts";
import { parsePath } from "../route/parse-path.ts";
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseDurationMs } from "./units.ts";

export function checkOidc(top: Cursor): DocumentProblem[] {
  const paths = new Map<string, string>();
  return top.get("gateway", "identity").entries.flatMap(([name, given]) => {
    const oidc = given.get("oidc");
    if (typeof oidc.value !== "object" || oidc.value === null) return [];
    return [
      ...checkTransport(oidc.get("issuer"), "logins pass the provider"),
      ...checkClient(oidc),
      ...checkScopes(oidc.get("scopes")),
      ...checkSession(oidc.get("session")),
      ...checkOrigins(oidc.get("origins")),
      ...checkAfterLogin(name, oidc),
      ...checkPath(name, oidc, paths, top),
      ...checkUse(name, given, top),
    ];
  });
}

function checkClient(oidc: Cursor): DocumentProblem[] {
  const [auth, secret] = [oidc.get("clientAuth"), oidc.get("clientSecret")];
  if (auth.text === "none" && secret.exists)
    return [error("SLV3009", auth.path, "`clientAuth: none` never shows the `clientSecret`: leave one of them out")];
  if ((auth.text === "basic" || auth.text === "post") && !secret.exists)
    return [error("SLV2005", auth.path, `\`clientAuth: ${auth.text}\` needs a \`clientSecret\``)];
  return [];
}

function checkScopes(scopes: Cursor): DocumentProblem[] {
  if (scopes.items.length === 0 || scopes.texts.includes("openid")) return [];
  return [error("SLV3009", scopes.path, "without the scope openid a provider says nothing of who logged in")];
}

function checkSession(session: Cursor): DocumentProblem[] {
  const [idle, absolute] = [session.get("idle"), session.get("absolute")];
  const idleMs = parseDurationMs(idle.text ?? "") ?? limits.login.idleMs;
  const absoluteMs = parseDurationMs(absolute.text ?? "") ?? limits.login.absoluteMs;
  if (!idle.exists || idleMs <= absoluteMs) return [];
  return [error("SLV3009", idle.path, "`idle` is longer than `absolute`: it would never end a session")];
}

/** Its form is the schema's to judge. */
const ORIGIN = /^https?:\/\/[^/]+$/;

function checkOrigins(origins: Cursor): DocumentProblem[] {
  return origins.items.flatMap((origin) => {
    const { text } = origin;
    if (text === undefined || !ORIGIN.test(text)) return [];
    const own = URL.canParse(text) ? new URL(text).origin : "";
    if (own !== text)
      return [error("SLV2001", origin.path, `browsers write ${quote(text)} in another way`, { suggestion: own })];
    if (text.startsWith("https:") || isLoopback(new URL(text).hostname)) return [];
    return [warning("SLV3014", origin.path, "pages that come without TLS can be changed on their way")];
  });
}

/** A page of a session's own endpoints would begin the next login, and so on for ever. */
function checkAfterLogin(name: string, oidc: Cursor): DocumentProblem[] {
  const after = oidc.get("afterLogin");
  const path = pathOf(name, oidc);
  const [page] = after.text?.split(/[?#]/) ?? [];
  const taken = loginEndpoints.find((endpoint) => page === `${path}/${endpoint}`);
  return taken === undefined ? [] : [error("SLV3009", after.path, `${page} is no page: logins of ${name} have it`)];
}

const pathOf = (name: string, oidc: Cursor): string => oidc.get("path").text ?? `/.selvage/${name}`;

function checkPath(name: string, oidc: Cursor, paths: Map<string, string>, top: Cursor): DocumentProblem[] {
  const path = pathOf(name, oidc);
  const place = oidc.get("path").exists ? oidc.get("path").path : oidc.path;
  const other = paths.get(path);
  if (other !== undefined)
    return [error("SLV3006", place, `the path ${quote(path)} is used twice: ${other} has its logins there`)];
  paths.set(path, name);
  if (/\/\.\.?(\/|$)/.test(path))
    return [error("SLV2001", place, `${quote(path)} has a segment . or .., which no browser sends`)];
  return top.get("gateway", "routes").items.flatMap((route) => {
    const pattern = route.get("match", "path");
    const segments = parsePath(pattern.text ?? "").pattern?.segments;
    const literal = segments?.map((segment) => ("literal" in segment ? segment.literal : "{}")).join("/");
    const taken = loginEndpoints.find((endpoint) => `/${literal}` === `${path}/${endpoint}`);
    if (taken === undefined) return [];
    const text = `route ${route.get("name").text} never gets ${path}/${taken}: logins of ${name} take it`;
    return [warning("SLV3012", pattern.path, text)];
  });
}

function checkUse(name: string, given: Cursor, top: Cursor): DocumentProblem[] {
  const named = top.get("gateway", "routes").items.some((route) => {
    const auth = route.get("auth");
    return [...auth.texts, ...auth.get("any").texts, ...auth.get("all").texts].includes(name);
  });
  return named ? [] : [warning("SLV3012", given.path, `no route asks for ${name}: nobody can log in there`)];
}
