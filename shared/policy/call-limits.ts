/** Limits of a service on its calls from the mesh, and whom they count by: what is proven, nothing that a caller may choose. */
import type { Identity } from "../identity/identity.ts";
import type { LocalLimit } from "./local-limits.ts";

export type CallLimitPart = "service" | "identity" | "all";

export interface CallLimit extends LocalLimit {
  readonly by: readonly CallLimitPart[];
  /** Calls without an end user are refused. Absent: they count together. */
  readonly missing?: "refuse";
}

export interface Caller {
  /** Calling service, by its certificate. */
  readonly service: string;
  /** End user, by the transaction token; absent: there is none. */
  readonly user?: Pick<Identity, "sub" | "issuer" | "method"> | undefined;
}

/** @returns the key as a text; undefined: the limit refuses a call that has no end user */
export function callLimitKey({ by, missing }: CallLimit, { service, user }: Caller): string | undefined {
  const parts: string[][] = [];
  for (const part of by) {
    if (part === "service") parts.push([service]);
    else if (part === "identity") {
      if (user === undefined && missing === "refuse") return undefined;
      parts.push(user === undefined ? [] : [user.method, user.issuer, user.sub]);
    }
  }
  return JSON.stringify(parts);
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
