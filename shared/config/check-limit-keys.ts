/** Checks of whom limits count by: what can never be there, what cannot be used, and what clients can evade. */
import { parseKeyExpression } from "../auth/condition.ts";
import { asRead, HOP_BY_HOP, isForgeable } from "../http/header-names.ts";
import { paramsOf } from "../route/parse-path.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error, type Path, warning } from "./problem.ts";
import { keySource } from "./schema-limit-keys.ts";
import { quote } from "./schema-problems.ts";
import { isShadow } from "./shadow.ts";

/** A limit of a route. */
export interface UsedLimit {
  readonly limit: Cursor;
  /** Its name in the route, where it stands elsewhere. */
  readonly named?: Cursor;
}

const partsOf = (limit: Cursor): Cursor[] => limit.get("by").oneOrItems;

/** `ip` or `header`; undefined where it is not said in one way. */
function kindOf(part: Cursor): string | undefined {
  const [kind, ...others] = part.keys;
  return others.length === 0 ? (part.text ?? kind) : undefined;
}

/** What is wrong with a key wherever its limit stands. */
export function checkKey(limit: Cursor): DocumentProblem[] {
  return [
    ...checkTuple(limit),
    ...partsOf(limit).flatMap((part) => [...checkSource(part), ...checkCel(part.get("cel"))]),
  ];
}

function checkTuple(limit: Cursor): DocumentProblem[] {
  const parts = partsOf(limit);
  const seen = new Set<string>();
  return parts.flatMap((part) => {
    const kind = kindOf(part);
    const what = part.get(kind ?? "").text ?? "";
    const name = `${kind} ${kind === "header" ? what.toLowerCase() : what}`;
    if (kind === "all" && parts.length > 1)
      return [error("SLV3009", part.path, "`all` counts everybody together: it stands alone")];
    if (kind !== undefined && seen.has(name)) return [error("SLV3006", part.path, `${name.trim()} is named twice`)];
    seen.add(name);
    return [];
  });
}

function checkSource(part: Cursor): DocumentProblem[] {
  if (typeof part.value !== "object" || part.value === null) return [];
  const kinds = Object.keys(keySource.shape);
  if (part.keys.filter((key) => kinds.includes(key)).length === 1) return [];
  const expected = kinds.map((kind) => `\`${kind}\``).join(", ");
  return [error("SLV2005", part.path, "a part of a key needs exactly one source", { expected })];
}

function checkCel(cel: Cursor): DocumentProblem[] {
  if (cel.text === undefined || cel.text.trim() === "") return [];
  const expression = parseKeyExpression(cel.text);
  if (typeof expression !== "string") return [];
  return [error("SLV3013", cel.path, `${quote(cel.text)} cannot be used: ${expression}`)];
}

/** What is wrong with a key on one of the routes whose limit has it. */
export function checkKeyUse(route: Cursor, used: UsedLimit, gateway: Cursor): DocumentProblem[] {
  const at = (place: Cursor): Path => (used.named ?? place).path;
  return [
    ...checkWho(route, used.limit, at),
    ...checkMissing(route, used.limit, at),
    ...partsOf(used.limit).flatMap((part) => [
      ...checkTold(part, route, gateway.get("identity"), at),
      ...checkHeader(part.get("header"), route, gateway, at),
      ...checkParameter(part.get("path"), route, at),
    ]),
  ];
}

type PlaceOf = (place: Cursor) => Path;

const OF_IDENTITY = ["identity", "consumer", "plan", "claim"];

const isOptional = (route: Cursor): boolean =>
  route.get("auth", "optional").value === true || isShadow(route.get("auth"));
const isPublic = (route: Cursor): boolean => !route.get("auth").exists || isOptional(route);

function checkWho(route: Cursor, limit: Cursor, at: PlaceOf): DocumentProblem[] {
  const parts = partsOf(limit);
  const own = parts.filter((part) => OF_IDENTITY.includes(kindOf(part) ?? ""));
  if (own.length === 0) return [];
  if (!route.get("auth").exists)
    return own.map((part) => {
      const text = `\`by: ${kindOf(part)}\` needs \`auth\`: without it every client would share one count`;
      return error(
        "SLV3009",
        at(part),
        text,
        part.text !== undefined && at(part) === part.path ? { suggestion: "ip" } : {},
      );
    });
  if (!isOptional(route) || own.length < parts.length || limit.get("missing").text === "refuse") return [];
  return [
    warning("SLV3009", at(limit.get("by")), "`auth` is optional: clients without credentials share one count", {
      expected: "another part beside it, such as `ip`",
    }),
  ];
}

function checkMissing(route: Cursor, limit: Cursor, at: PlaceOf): DocumentProblem[] {
  const missing = limit.get("missing");
  const always = ["all", "path", ...(isPublic(route) ? [] : ["identity"])];
  if (missing.text === undefined || partsOf(limit).some((part) => !always.includes(kindOf(part) ?? ""))) return [];
  return [warning("SLV3009", at(missing), "`missing` decides nothing: every request has this key", { at: "key" })];
}

/** Providers whose identities have a consumer or plan only by a claim that the document names. */
const BY_CLAIM = ["jwt", "introspection", "oidc"];

function checkTold(part: Cursor, route: Cursor, identity: Cursor, at: PlaceOf): DocumentProblem[] {
  const { text: kind } = part;
  if (kind !== "consumer" && kind !== "plan") return [];
  const auth = route.get("auth");
  const providers = [...auth.texts, ...auth.get("any").texts, ...auth.get("all").texts];
  const tells = (name: string): boolean =>
    identity.get(name).entries.some(([type, one]) => !BY_CLAIM.includes(type) || one.get("claims", kind).exists);
  if (providers.length === 0 || providers.some(tells)) return [];
  return [
    warning("SLV3009", at(part), `no provider of this route says whose ${kind} it is: every client shares one count`, {
      expected: `\`claims: { ${kind}: NAME }\` in ${providers.join(" or ")}`,
    }),
  ];
}

function checkHeader(header: Cursor, route: Cursor, gateway: Cursor, at: PlaceOf): DocumentProblem[] {
  const name = header.text?.toLowerCase();
  if (name === undefined) return [];
  const keys = gateway.get("identity").entries.flatMap(([, provider]) => provider.get("apiKey", "header").texts);
  const credentials = ["authorization", ...keys.map((one) => one.toLowerCase())];
  if (route.get("auth").exists && credentials.includes(name)) {
    const text = `${name} is a credential, which ends before limits are asked`;
    return [error("SLV3009", at(header), text, { expected: "`by: identity`" })];
  }
  const ends = HOP_BY_HOP.has(name) || isForgeable(name) || ["expect", "host"].includes(name);
  if (!ends && !declaredFields(gateway).includes(asRead(name))) return [];
  const details = name.endsWith("for") ? { expected: "`by: ip`, with `clientIp` for proxies" } : {};
  return [error("SLV3009", at(header), `the gateway takes ${name} from requests: it can tell nobody apart`, details)];
}

/** What the gateway itself says, or proxies to it. */
function declaredFields(gateway: Cursor): string[] {
  const places = [gateway, ...gateway.get("routes").items];
  const told = places.flatMap((place) => place.get("identityHeaders").keys);
  const proxies = [
    ...gateway.get("clientIp", "header").texts,
    ...gateway.get("tlsTerminator", "escapedPemHeader").texts,
  ];
  return [...told, ...proxies].map((name) => asRead(name.toLowerCase()));
}

function checkParameter(param: Cursor, route: Cursor, at: PlaceOf): DocumentProblem[] {
  const { pattern } = matchPattern(route);
  if (param.text === undefined || pattern === undefined || paramsOf(pattern).includes(param.text)) return [];
  return [unknownName("SLV3004", "path parameter", param.text, paramsOf(pattern), at(param))];
}

/** On a public route whoever chooses another value has another count, unless a second limit counts by what he cannot choose. */
export function checkEvasion(route: Cursor, used: readonly UsedLimit[]): DocumentProblem[] {
  if (!isPublic(route)) return [];
  const found = used
    .filter(({ limit }) => limit.get("by").exists)
    .map((one) => ({ ...one, part: partsOf(one.limit).find(isChosen) }));
  if (found.some(({ limit, part }) => part === undefined && !isShadow(limit))) return [];
  return found.flatMap(({ named, part }) => {
    if (part === undefined) return [];
    const text = `clients choose ${describePart(part)} themselves: one that sends another with each request is never refused`;
    return [
      warning("SLV3015", (named ?? part).path, text, { expected: "a second limit beside it, such as one `by: ip`" }),
    ];
  });
}

function isChosen(part: Cursor): boolean {
  const kind = kindOf(part) ?? "";
  if (kind !== "cel") return ["header", "path", "query", "cookie"].includes(kind);
  const expression = parseKeyExpression(part.get("cel").text ?? "");
  return typeof expression !== "string" && !expression.isClosed;
}

function describePart(part: Cursor): string {
  const kind = kindOf(part) ?? "";
  return kind === "cel" ? "what the expression gives" : `the ${kind} ${quote(part.get(kind).text ?? "")}`;
}
