import type {
  ErrorPagesConfig,
  RedirectConfig,
  RespondConfig,
  SecurityHeadersConfig,
} from "../config/schema-answers.ts";
import { parseDurationMs } from "../config/units.ts";
import type { DirectAnswer } from "../policy/direct-answer.ts";
import type { ErrorPage } from "../policy/error-pages.ts";
import type { SecurityFields } from "../policy/security-fields.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import type { Redirect } from "../route/redirect-location.ts";
import { compileAnswersBy, compileValue } from "./compile-reshape.ts";
import { mapValues, sorted } from "./sorted.ts";

export function compileRespond({ status = 200, headers, body, json }: RespondConfig): DirectAnswer {
  const named = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  const fields = mapValues(Object.fromEntries(named), compileValue);
  const by = compileAnswersBy([{ fields: { set: fields }, json: { template: json ?? body } }]);
  return {
    status,
    fields,
    ...(body !== undefined && { body }),
    ...(json !== undefined && { json }),
    ...(by !== undefined && { by }),
  };
}

export function compileRedirect({ status = 302, scheme, host, port, path, query }: RedirectConfig): Redirect {
  return {
    status: status as Redirect["status"],
    ...(scheme !== undefined && { scheme }),
    ...(host !== undefined && { host: host.startsWith("[") ? host.toLowerCase() : (hostWithoutPort(host) ?? host) }),
    ...(port !== undefined && { port }),
    ...(path !== undefined && { path }),
    ...(query === "drop" && { query }),
  };
}

export function compilePages(pages: ErrorPagesConfig): ErrorPage[] {
  return pages.map(({ on, upstream, html, text, json }) => {
    const by = compileAnswersBy([{ json: { template: [html, text, json] } }]);
    return {
      on: sorted(on.map(String)),
      ...(upstream === true && { upstream }),
      ...(html !== undefined && { html }),
      ...(text !== undefined && { text }),
      ...(json !== undefined && { json }),
      ...(by !== undefined && { by }),
    };
  });
}

const HIDDEN = ["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-runtime", "x-generator"];
const YEAR_MS = 31_536_000_000;

/** @returns undefined where nothing is said or hidden */
export function compileSecurity(config: SecurityHeadersConfig | undefined): SecurityFields | undefined {
  if (config === undefined || config === false) return undefined;
  const { hsts, nosniff, frame, referrerPolicy, contentSecurityPolicy, permissionsPolicy, hide } =
    config === true ? {} : config;
  const fields: Record<string, string | false> = {
    "content-security-policy": contentSecurityPolicy ?? false,
    "permissions-policy": permissionsPolicy ?? false,
    "referrer-policy": referrerPolicy ?? "strict-origin-when-cross-origin",
    "x-content-type-options": nosniff !== false && "nosniff",
    "x-frame-options": frame ?? "DENY",
  };
  const said = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== false);
  return {
    fields: Object.fromEntries(said),
    ...(hsts !== false && { hsts: hstsText(hsts ?? {}) }),
    remove: sorted((hide ?? HIDDEN).map((name) => name.toLowerCase())),
  };
}

interface Hsts {
  readonly maxAge?: string | undefined;
  readonly includeSubDomains?: boolean | undefined;
  readonly preload?: boolean | undefined;
}

function hstsText({ maxAge, includeSubDomains, preload }: Hsts): string {
  const seconds = Math.floor((maxAge === undefined ? YEAR_MS : (parseDurationMs(maxAge) ?? 0)) / 1000);
  const more = [...(includeSubDomains === true ? ["includeSubDomains"] : []), ...(preload === true ? ["preload"] : [])];
  return [`max-age=${seconds}`, ...more].join("; ");
}
