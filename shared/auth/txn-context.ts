/** The transaction's context (`tctx`, draft-ietf-oauth-transaction-tokens section "Transaction Context") by the document. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { lookUp } from "../policy/template.ts";

export type ContextScalar = string | number | boolean;
export type ContextValue = ContextScalar | readonly ContextScalar[];
/** A constant, or the path of a value such as ["identity", "claims", "tenant"]. */
export type ContextSource = { readonly constant: ContextScalar } | { readonly from: readonly string[] };

export interface TxnContextSettings {
  readonly members: Readonly<Record<string, ContextSource>>;
  /** Whether values of the request are named, so that each of them needs a token of its own. */
  readonly ofRequest: boolean;
}

/** What one request says, with the text that tells it from others. */
export interface TxnContext {
  readonly values: Readonly<Record<string, ContextValue>>;
  /** As JSON. */
  readonly text: string;
  readonly ofRequest: boolean;
}

export interface ContextScope {
  readonly identity: Identity;
  /** Parameters of the path, and of the query: of one that was given several times, all values. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
}

/** Why a request cannot be told of: `bad_request` when it is its own value that is too long, or not one. */
export interface ContextRefusal {
  readonly code: "bad_request" | "not_permitted";
  /** For operators. */
  readonly refused: string;
}

/** Parameters of a query by their names. @param parameters decoded, in their order */
export function queryParameters(parameters: Iterable<readonly [name: string, value: string]>): ContextScope["query"] {
  const given = new Map<string, string[]>();
  for (const [name, value] of parameters) {
    const before = given.get(name);
    if (before === undefined) given.set(name, [value]);
    else before.push(value);
  }
  return Object.fromEntries([...given].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? "")]));
}

/** Names that are said by the gateway itself. */
export const RESERVED_CONTEXT: readonly string[] = ["route"];

/**
 * Fills in a context. Texts, numbers, truth values and lists of them keep their type; what is missing, or of another type,
 * is left out. Nothing is said of who is anonymous.
 */
export function txnContext(
  { members, ofRequest }: TxnContextSettings,
  { identity, path, query }: ContextScope,
): TxnContext | ContextRefusal {
  const scope = { path, query, ...(identity.method !== "anonymous" && { identity }) };
  const values: Record<string, ContextValue> = {};
  for (const [name, source] of Object.entries(members)) {
    const value = "constant" in source ? source.constant : contextValue(lookUp(scope, source.from));
    if (value === undefined) continue;
    // Upstreams differ in which one they read, and what is signed must not be another one.
    if (Array.isArray(value) && codeOf(source) === "bad_request")
      return {
        code: "bad_request",
        refused: `the value of ${name} in the transaction's context is given several times`,
      };
    if (isTooLong(value))
      return { code: codeOf(source), refused: `the value of ${name} in the transaction's context is too long` };
    values[name] = value;
  }
  const text = JSON.stringify(values);
  if (text.length > limits.txnContext.charsMax)
    return { code: "not_permitted", refused: `the transaction's context has ${text.length} characters` };
  return { values, text, ofRequest };
}

const codeOf = (source: ContextSource): ContextRefusal["code"] =>
  "from" in source && source.from[0] !== "identity" ? "bad_request" : "not_permitted";

function contextValue(value: unknown): ContextValue | undefined {
  if (isScalar(value)) return value;
  return Array.isArray(value) && value.every(isScalar) ? value : undefined;
}

/** Numbers that JSON has not are none, and half a surrogate pair is no text. */
function isScalar(value: unknown): value is ContextScalar {
  if (typeof value === "string") return value.isWellFormed();
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

function isTooLong(value: ContextValue): boolean {
  const { textCharsMax, listMax } = limits.txnContext;
  if (typeof value === "string") return value.length > textCharsMax;
  return Array.isArray(value) && (value.length > listMax || value.some(isTooLong));
}
