/**
 * Whom a limit counts by. A key is made of parts, each with its name and its value, so that no two different lists of values
 * have one text, whatever they hold.
 */
import { SelvageError } from "../errors.ts";
import { addressGroup } from "../http/address-list.ts";
import { onlyCookie } from "../http/cookies.ts";
import { parametersOf } from "../http/query-parameters.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { LimitKeyPart, RateLimitSettings } from "./settings.ts";
import { lookUp } from "./template.ts";

/** What keys are made of. */
export interface LimitKeyFacts {
  readonly identity: Identity;
  /** Absent where nobody can say. */
  readonly clientIp: string | undefined;
  /** Value of a field of the request, without credentials. @param name in lower case */
  readonly header: (name: string) => string | null | undefined;
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** With its `?`; may be empty. */
  readonly query: string;
  /** Value of an expression of the plan; undefined when it has none. */
  readonly evaluate: (expression: string) => unknown;
}

/** One part of a key with its value; undefined: the request lacks it. */
export interface LimitKeyValue {
  readonly part: LimitKeyPart;
  readonly value: readonly string[] | undefined;
}

export function limitKeyValues(by: RateLimitSettings["by"], facts: LimitKeyFacts): LimitKeyValue[] {
  return keyPartsOf(by).map((part) => ({ part, value: partValue(part, facts) }));
}

export function keyPartsOf(by: RateLimitSettings["by"]): readonly LimitKeyPart[] {
  return Array.isArray(by) ? by : [by as LimitKeyPart];
}

/** `ip`, `header x-tenant`, `claim org.id`. */
export function keyPartName(part: LimitKeyPart): string {
  if (typeof part === "string") return part;
  const [[kind, what] = ["", ""]] = Object.entries(part);
  if (kind === "ip") return kind;
  return `${kind} ${Array.isArray(what) ? what.join(".") : what}`;
}

/** The key as a text in which every value stands for itself; what is longer than `keyCharsMax` is to be hashed. */
export function limitKeyText(values: readonly LimitKeyValue[]): string {
  return JSON.stringify(values.map(({ part, value = [] }) => [keyPartName(part), ...value]));
}

/** @returns the key as a text, or why a limit refuses a request that lacks a part of it */
export function limitKeyOf(
  { name, by, missing }: Pick<RateLimitSettings, "name" | "by" | "missing">,
  facts: LimitKeyFacts,
): string | SelvageError {
  const values = limitKeyValues(by, facts);
  const lacking = missing === "refuse" ? values.find(({ value }) => value === undefined) : undefined;
  if (lacking === undefined) return limitKeyText(values);
  const reason = `limit ${name}: the request lacks ${keyPartName(lacking.part)}`;
  return new SelvageError(lackingCode(lacking.part), reason);
}

/** What a client is told whose request lacks a part: it lies in the request itself, or in who it is. */
export function lackingCode(part: LimitKeyPart): "bad_request" | "not_permitted" {
  const said = typeof part === "object" && ("header" in part || "query" in part || "cookie" in part);
  return said ? "bad_request" : "not_permitted";
}

function partValue(part: LimitKeyPart, facts: LimitKeyFacts): readonly string[] | undefined {
  const { identity, clientIp, params } = facts;
  if (part === "all") return [];
  if (part === "ip") return one(clientIp === undefined ? undefined : addressGroup(clientIp));
  if (part === "identity")
    return identity.method === "anonymous" ? undefined : [identity.method, identity.issuer, identity.sub];
  if (part === "consumer") return one(identity.consumer);
  if (part === "plan") return one(identity.plan);
  if ("ip" in part) return one(clientIp === undefined ? undefined : addressGroup(clientIp, part.ip));
  if ("claim" in part) return scalar(lookUp(identity.claims, part.claim));
  if ("path" in part) return one(Object.hasOwn(params, part.path) ? params[part.path] : undefined);
  if ("header" in part) return one(facts.header(part.header) ?? undefined);
  if ("query" in part) return one(onlyParameter(facts.query, part.query));
  if ("cookie" in part) return one(onlyCookie(facts.header("cookie"), part.cookie));
  return scalar(facts.evaluate(part.cel));
}

/** A text without a character is none. */
function one(value: string | undefined): readonly string[] | undefined {
  return value === undefined || value === "" ? undefined : [value];
}

/** Equal texts of two types are two values. Whole numbers of CEL are bigints and count as the numbers that they are. */
function scalar(value: unknown): readonly string[] | undefined {
  if (typeof value === "string") return one(value);
  if (typeof value === "boolean") return ["boolean", String(value)];
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value)))
    return ["number", String(value)];
  return undefined;
}

/** Who is behind us may read another one of several. */
function onlyParameter(query: string, name: string): string | undefined {
  const [first, ...others] = (parametersOf(query) ?? []).filter(([known]) => known === name);
  return others.length === 0 ? first?.[1] : undefined;
}

/** Whether a text is longer than keys may be where they are kept. */
export function isLongKey(text: string): boolean {
  return text.length > limits.rateLimit.keyCharsMax;
}
