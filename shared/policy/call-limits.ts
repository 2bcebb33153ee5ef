/** Limits of a service on its calls from the mesh, and whom they count by. */
import { SelvageError } from "../errors.ts";
import type { Identity } from "../identity/identity.ts";
import type { LocalLimit } from "./local-limits.ts";

/** `header:x-tenant` is the value of a field. What callers say themselves is theirs to choose; the others are proven. */
export type CallLimitPart = "service" | "identity" | "path" | "all" | `header:${string}`;

export interface CallLimit extends LocalLimit {
  readonly by: readonly CallLimitPart[];
  /** Calls that lack a part of the key are refused. Absent: those that lack the same count together. */
  readonly missing?: "refuse";
  /** How it is counted over all instances. Absent: each instance counts for itself. */
  readonly mode?: "leased" | "exact";
  /** What holds while it cannot be counted so. Absent: each instance lets its share through. */
  readonly onFailure?: "open" | "closed";
  /** How long a call waits for the count. Absent: `limits.meshLimits.waitMs`. */
  readonly timeoutMs?: number;
}

/** A limit that is counted over all instances. */
export type MeshLimit = CallLimit & Required<Pick<CallLimit, "mode">>;

export const isMeshLimit = (limit: CallLimit): limit is MeshLimit => limit.mode !== undefined;

export interface Caller {
  /** Calling service, by its certificate. */
  readonly service: string;
  /** End user, by the transaction token; absent: there is none. */
  readonly user?: Pick<Identity, "sub" | "issuer" | "method"> | undefined;
  /** Without the query. */
  readonly path: string;
  /** @returns all values of a field as one; undefined: there is none @param name in lower case */
  readonly header: (name: string) => string | undefined;
}

/** @returns the key as a text, or why a limit refuses a call that lacks a part of it */
export function callLimitKey({ name, by, missing }: CallLimit, caller: Caller): string | SelvageError {
  const parts: string[][] = [];
  for (const part of by) {
    if (part === "all") continue;
    const values = valuesOf(part, caller);
    if (values.length === 0 && missing === "refuse") return lacks(name, part);
    parts.push(values);
  }
  return JSON.stringify(parts);
}

/** @returns none: the call lacks it */
function valuesOf(part: CallLimitPart, { service, user, path, header }: Caller): string[] {
  if (part === "service") return [service];
  if (part === "path") return [path];
  if (part === "identity") return user === undefined ? [] : [user.method, user.issuer, user.sub];
  const value = header(fieldOf(part));
  return value === undefined || value === "" ? [] : [value];
}

/** @returns name of the field whose value a part is; empty: it is none */
export function fieldOf(part: CallLimitPart): string {
  return part.startsWith(FIELD) ? part.slice(FIELD.length) : "";
}

const FIELD = "header:";

function lacks(limit: string, part: CallLimitPart): SelvageError {
  if (part === "identity")
    return new SelvageError("not_permitted", `limit ${limit}: the call is on behalf of no end user`);
  return new SelvageError("bad_request", `limit ${limit}: the call lacks the field ${fieldOf(part)}`);
}

/**
 * The end user of a transaction token's verified claims; undefined: it is of nobody.
 * @param claims absent: there is no token
 */
export function userOfClaims(claims: Readonly<Record<string, unknown>> | undefined): Caller["user"] {
  if (claims === undefined) return undefined;
  const { sub, rctx } = claims;
  const { issuer, method } = (rctx ?? {}) as Record<string, unknown>;
  if (typeof sub !== "string" || method === "anonymous") return undefined;
  return { sub, issuer: String(issuer ?? ""), method: String(method ?? "") as Identity["method"] };
}
