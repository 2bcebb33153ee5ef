/** Checks of answers that the gateway gives itself: direct ones, redirects, error pages, and fields on all answers. */
import { type ErrorCode, errorTable } from "../errors.ts";
import { HOP_BY_HOP } from "../http/header-names.ts";
import { ERROR_ROOTS, REQUEST_ROOTS } from "../policy/value-template.ts";
import { paramsOf, parsePath } from "../route/parse-path.ts";
import { checkJson, checkLength } from "./check-json.ts";
import { checkText, checkValue, type ValuePlace } from "./check-values.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate } from "./template.ts";

export function checkAnswers(route: Cursor): DocumentProblem[] {
  const kind = ["respond", "redirect"].find((key) => route.get(key).exists);
  return [
    ...(kind === undefined ? [] : checkUnused(route, kind)),
    ...checkRespond(route.get("respond"), route),
    ...checkRedirect(route.get("redirect"), route),
    ...checkPages(route.get("errorPages")),
    ...checkSecurity(route.get("securityHeaders")),
  ];
}

/** What the gateway has for all routes. */
export function checkGatewayAnswers(gateway: Cursor): DocumentProblem[] {
  return [...checkPages(gateway.get("errorPages")), ...checkSecurity(gateway.get("securityHeaders"))];
}

/** Settings of what is asked of an upstream. */
const OF_UPSTREAMS = [
  ...["rewrite", "cache", "idempotency", "identityHeaders", "context", "priority"],
  ...["traffic", "mirror", "faults", "graphql"],
];

function checkUnused(route: Cursor, kind: string): DocumentProblem[] {
  const request = route.get("transform", "request");
  const settings = [...OF_UPSTREAMS.map((key) => route.get(key)), request].filter(({ exists }) => exists);
  return settings.map(({ path }) =>
    error("SLV3009", path, `\`${path.at(-1)}\` has no meaning with \`${kind}\`: no upstream is asked`, { at: "key" }),
  );
}

function checkRespond(respond: Cursor, route: Cursor): DocumentProblem[] {
  if (!respond.exists) return [];
  const [status, body, json] = ["status", "body", "json"].map((key) => respond.get(key)) as [Cursor, Cursor, Cursor];
  const place = { route, roots: REQUEST_ROOTS };
  const problems = [
    ...checkFieldNames(respond.get("headers")),
    ...respond.get("headers").entries.flatMap(([, value]) => checkValue(value, place)),
    ...checkBody(body, place),
    ...checkJson(json, place),
  ];
  if (body.exists && json.exists)
    problems.push(error("SLV3009", json.path, "`json` stands instead of `body`: one of the two", { at: "key" }));
  if (status.value === 206 || status.value === 304)
    problems.push(error("SLV3091", status.path, `${status.value} answers a question that the client did not ask`));
  const hasBody = body.exists || json.exists;
  if (hasBody && (status.value === 204 || status.value === 205))
    problems.push(error("SLV3091", status.path, `an answer with ${status.value} has no body`));
  return problems;
}

function checkFieldNames(headers: Cursor): DocumentProblem[] {
  return headers.entries.flatMap(([name, { path }]) => {
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && lower !== "content-length" && !lower.startsWith("selvage-")) return [];
    return [error("SLV3009", path, `the header ${lower} belongs to the gateway and cannot be set`, { at: "key" })];
  });
}

function checkBody(body: Cursor, place: ValuePlace): DocumentProblem[] {
  if (body.text === undefined) return [];
  return [...checkLength(body.text.length, body), ...checkText(body.text, body.path, place)];
}

function checkRedirect(redirect: Cursor, route: Cursor): DocumentProblem[] {
  if (!redirect.exists) return [];
  const path = redirect.get("path");
  const host = redirect.get("host");
  const problems = checkPath(path, route);
  if (host.text?.startsWith("*"))
    problems.push(error("SLV2001", host.path, `${quote(host.text)} is many hosts, and a client is sent to one`));
  const leadsElsewhere = ["scheme", "host", "port"].some((key) => redirect.get(key).exists);
  const own = route.get("match", "path").text;
  // After a POST another request for the same is what 303 is for.
  const isAgain = !leadsElsewhere && (!path.exists || path.text === own) && redirect.get("status").value !== 303;
  if (isAgain)
    problems.push(warning("SLV3092", redirect.path, "it leads to where it comes from, again and again", { at: "key" }));
  return problems;
}

function checkPath(path: Cursor, route: Cursor): DocumentProblem[] {
  if (path.text === undefined) return [];
  const own = parsePath(path.text);
  const found = matchPattern(route);
  if (own.pattern === undefined)
    return [error("SLV2001", path.path, `${quote(path.text)} is not a path: ${own.fault}`)];
  if (found.pattern === undefined) return [];
  const known = paramsOf(found.pattern);
  const problems = holesOf(parseTemplate(path.text).parts)
    .filter(([param]) => param !== undefined && !known.includes(param))
    .map(([param = ""]) => {
      const near = nearestName(param, known);
      const details = near === undefined ? {} : { suggestion: `{${near}}` };
      return error("SLV3004", path.path, `{${param}}: match.path has no such parameter`, details);
    });
  if (own.pattern.tail && !found.pattern.tail)
    problems.push(error("SLV3004", path.path, "`path` ends in * but `match.path` does not"));
  return problems;
}

function checkPages(pages: Cursor): DocumentProblem[] {
  const shown = new Set<string>();
  return pages.items.flatMap((page) => {
    const forms = ["html", "text", "json"].map((key) => page.get(key)).filter(({ exists }) => exists);
    const place = { roots: ERROR_ROOTS };
    const problems = [
      ...page.get("on").items.flatMap((one) => checkOn(one, page.get("upstream").value === true, shown)),
      ...[page.get("html"), page.get("text")].flatMap((form) => checkBody(form, place)),
      ...checkJson(page.get("json"), place),
    ];
    if (forms.length === 0 && page.entries.length > 0)
      problems.push(error("SLV2005", page.path, "a page without a form", { expected: "`html`, `text` or `json`" }));
    return problems;
  });
}

function checkOn(one: Cursor, ofUpstream: boolean, shown: Set<string>): DocumentProblem[] {
  const name = String(one.value);
  const before = shown.has(`${name} upstream`) || (!ofUpstream && shown.has(name));
  shown.add(ofUpstream ? `${name} upstream` : name);
  if (before) return [warning("SLV3092", one.path, `an earlier page is for ${name} already`)];
  if (/^[23]/.test(name)) return [error("SLV3091", one.path, `${name} is no error`)];
  if (/^\d/.test(name) || Object.hasOwn(errorTable, name)) return [];
  const near = nearestName(name, Object.keys(errorTable) as ErrorCode[]);
  const details = near === undefined ? {} : { suggestion: near };
  return [error("SLV3004", one.path, `no error has the code ${quote(name)}`, details)];
}

function checkSecurity(security: Cursor): DocumentProblem[] {
  const hsts = security.get("hsts");
  if (hsts.get("preload").value !== true) return [];
  const isListed = hsts.get("includeSubDomains").value === true;
  if (isListed) return [];
  return [
    error(
      "SLV3009",
      hsts.get("preload").path,
      "`preload` needs `includeSubDomains: true`: browsers list no host without",
      {
        at: "key",
      },
    ),
  ];
}
