/** Who a request must be of for a route to take it: asked when it is known, of routes that match the same requests. */
import type { Identity } from "../identity/identity.ts";
import { type IdentityDemands, refuseStated } from "./compose.ts";

/** All of it must hold. */
export interface IdentityMatch extends IdentityDemands {
  /** One of these vouches for it. */
  readonly issuer?: readonly string[];
  readonly consumer?: readonly string[];
  readonly plan?: readonly string[];
  /** How it was proven. */
  readonly method?: readonly string[];
}

/** Members of an identity that are one text. */
export const IDENTITY_TEXTS = ["issuer", "consumer", "plan", "method"] as const;

/** @returns why it is not one of those that are asked for, for operators; undefined when it is */
export function identityMisfit(match: IdentityMatch, identity: Identity): string | undefined {
  const refused = refuseStated(match, identity);
  if (refused !== undefined) return refused.reason;
  for (const member of IDENTITY_TEXTS) {
    const accepted = match[member];
    const own = identity[member];
    if (accepted !== undefined && (own === undefined || !accepted.includes(own)))
      return `${member} is ${own === undefined || own === "" ? "none" : own}, not ${accepted.join(" or ")}`;
  }
  return undefined;
}
