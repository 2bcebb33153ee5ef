/** Checks of `mesh.join` and `mesh.certificates` that a schema cannot state. */
import { readPublicJwk } from "../auth/jwk.ts";
import { isLoopback } from "../http/page-request.ts";
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import { limits } from "../limits.ts";
import { matchesPattern, templateClaims } from "../policy/join-rules.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type JoinPreset, presetOf } from "./join-presets.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseDurationMs } from "./units.ts";

export function checkJoin(top: Cursor): DocumentProblem[] {
  const mesh = top.get("mesh");
  const [issuers, rules] = [mesh.get("join", "issuers"), mesh.get("join", "rules").items];
  const services = [...mesh.get("services").keys, GATEWAY_SERVICE];
  return [
    ...issuers.entries.flatMap(([name, issuer]) => [...checkIssuer(issuer), ...checkUse(name, issuer, rules)]),
    ...rules.flatMap((rule) => [
      ...checkRuleIssuer(rule, issuers),
      ...checkService(rule, services),
      ...checkOwner(rule, issuers),
    ]),
    ...checkOrder(rules),
    ...checkLives(mesh.get("certificates")),
  ];
}

function checkIssuer(given: Cursor): DocumentProblem[] {
  const [issuer, jwks, keys] = [given.get("issuer"), given.get("jwks"), given.get("keys")];
  const preset = presetOf(given.get("preset").text, undefined);
  const problems = [...checkTls(jwks), ...checkKeys(keys)];
  if (!issuer.exists && preset?.issuer === undefined)
    problems.push(error("SLV3220", given.path, "`issuer` is missing: exactly the `iss` of its tokens"));
  if (jwks.exists && keys.exists)
    problems.push(
      error("SLV3220", keys.path, "`jwks` and `keys` are two places of its keys: one of them", { at: "key" }),
    );
  if (!issuer.exists || jwks.exists || keys.exists) return problems;
  if (issuer.text !== undefined && !(/^https?:\/\/[^/]/.test(issuer.text) && URL.canParse(issuer.text)))
    problems.push(
      error("SLV3220", issuer.path, `${quote(issuer.text)} is no place to find its keys below`, {
        expected: "an https URL, or `jwks` or `keys` beside it",
      }),
    );
  return [...problems, ...checkTls(issuer)];
}

/** Whoever can change keys on their way can be every workload. */
function checkTls(url: Cursor): DocumentProblem[] {
  const { text } = url;
  if (text === undefined || !text.startsWith("http:") || !URL.canParse(text)) return [];
  if (isLoopback(new URL(text).hostname.replace(/^\[|\]$/g, ""))) return [];
  const message = "keys that are fetched without TLS can be changed on their way: whoever does is every workload";
  return [error("SLV3221", url.path, message, { suggestion: text.replace("http:", "https:") })];
}

function checkKeys(keys: Cursor): DocumentProblem[] {
  return keys.items.flatMap((key) => {
    const read = readPublicJwk(key.value);
    return typeof read === "string" ? [error("SLV3014", key.path, `this key ${read}`)] : [];
  });
}

function checkUse(name: string, issuer: Cursor, rules: readonly Cursor[]): DocumentProblem[] {
  if (rules.some((rule) => rule.get("issuer").text === name)) return [];
  return [
    warning("SLV3222", issuer.path, `no rule names the issuer ${quote(name)}: nobody joins by it`, { at: "key" }),
  ];
}

function checkRuleIssuer(rule: Cursor, issuers: Cursor): DocumentProblem[] {
  const issuer = rule.get("issuer");
  if (issuer.text === undefined || issuers.keys.includes(issuer.text)) return [];
  return [unknownName("SLV3222", "issuer", issuer.text, issuers.keys, issuer.path)];
}

function checkService(rule: Cursor, services: readonly string[]): DocumentProblem[] {
  const [service, allow] = [rule.get("service"), rule.get("allow")];
  const { text } = service;
  if (text === undefined) return [];
  const unknown = allow.items
    .filter((one) => one.text !== undefined && !services.includes(one.text))
    .map((one) => unknownName("SLV3001", "service", one.text, services, one.path));
  if (templateClaims(text).length === 0) {
    if (/[{}]/.test(text)) return [error("SLV3226", service.path, "braces stand around the name of a claim")];
    if (allow.exists)
      return [error("SLV3226", allow.path, "`allow` has a meaning with a template of claims alone", { at: "key" })];
    return services.includes(text) ? [] : [unknownName("SLV3001", "service", text, services, service.path)];
  }
  if (!allow.exists)
    return [
      error("SLV3226", service.path, "whoever names a claim names a service: say which by `allow`", {
        expected: "`allow` with the services that it may come to",
      }),
    ];
  const around = text.split(/\{[^{}]+\}/);
  const unreachable = allow.items.filter(
    ({ text: one }) => one !== undefined && !matchesPattern(around.join("**"), one),
  );
  return [
    ...unknown,
    ...unreachable.map((one) => error("SLV3226", one.path, `${quote(text)} never comes to ${quote(one.text ?? "")}`)),
  ];
}

/** Whose workloads are meant: of a public issuer a rule must say it. */
function checkOwner(rule: Cursor, issuers: Cursor): DocumentProblem[] {
  const name = rule.get("issuer").text;
  if (name === undefined || !issuers.keys.includes(name)) return [];
  const issuer = issuers.get(name);
  const preset = presetOf(issuer.get("preset").text, issuer.get("issuer").text);
  const claims = rule.get("claims");
  if (preset === undefined) {
    const pinned = claims.entries.some(([, patterns]) => patterns.texts.every((text) => !/^\*+$/.test(text)));
    return pinned ? [] : [warning("SLV3224", rule.path, `every workload of ${name} joins as this service`)];
  }
  if (preset.owners.some((owner) => saysOwner(preset, owner, claims.get(owner)))) return [];
  const details = { expected: `a condition such as ${preset.example}` };
  const names = preset.owners.join(", ");
  if (!preset.isPublic)
    return [
      warning(
        "SLV3224",
        rule.path,
        `workloads of ${name} join whoever they are of: none of ${names} is named`,
        details,
      ),
    ];
  const message = `anybody can get a token of this issuer: the rule must say whose workloads are meant, by ${names}`;
  return [error("SLV3223", rule.path, message, details)];
}

/** Up to its first separator each text must stand for itself. */
function saysOwner({ prefixes = {} }: JoinPreset, owner: string, patterns: Cursor): boolean {
  const prefix = prefixes[owner] ?? "";
  const { texts } = patterns;
  return texts.length > 0 && texts.every((text) => text.startsWith(prefix) && isExact(text.slice(prefix.length)));
}

const isExact = (text: string): boolean => /^[^*/:]+(?:[/:]|$)/.test(text);

/** The first rule that matches decides: what it always matches never comes to a later one. */
function checkOrder(rules: readonly Cursor[]): DocumentProblem[] {
  return rules.flatMap((rule, index) => {
    const earlier = rules.slice(0, index).find((other) => alwaysBefore(other, rule));
    if (earlier === undefined) return [];
    const [first, second] = [earlier.get("service").text, rule.get("service").text];
    const message = `rule ${earlier.path.at(-1)} matches whatever this one does`;
    const details = { at: "value", other: earlier.path } as const;
    return first === second
      ? [warning("SLV3225", rule.path, `${message}, so it decides nothing`, details)]
      : [error("SLV3225", rule.path, `${message}, so nobody joins as ${quote(second ?? "")} by it`, details)];
  });
}

function alwaysBefore(earlier: Cursor, later: Cursor): boolean {
  if (earlier.get("issuer").text !== later.get("issuer").text || earlier.get("allow").exists) return false;
  return earlier.get("claims").entries.every(([claim, patterns]) => {
    const own = later.get("claims", claim).texts;
    return own.length > 0 && own.every((text) => patterns.texts.some((pattern) => covers(pattern, text)));
  });
}

/** Whether a pattern matches whatever another does, as far as that is plain. */
function covers(pattern: string, other: string): boolean {
  if (pattern === other || pattern === "**") return true;
  return !other.includes("*") && matchesPattern(pattern, other);
}

function checkLives(certificates: Cursor): DocumentProblem[] {
  const [lifetime, token] = [certificates.get("lifetime"), certificates.get("tokenLifetime")];
  const tokenMs = token.text === undefined ? undefined : parseDurationMs(token.text);
  const lifetimeMs = lifetime.text === undefined ? limits.certificate.leafLifetimeMs : parseDurationMs(lifetime.text);
  if (tokenMs === undefined || lifetimeMs === undefined || tokenMs >= lifetimeMs) return [];
  return [error("SLV3227", token.path, "a token that ends before its certificate cannot renew it late in its life")];
}
