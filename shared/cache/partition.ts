/** Who may share stored answers: those whom the upstream cannot tell apart. */
import type { Identity } from "../identity/identity.ts";

/** What an upstream is told of who asks, beside the token's subject. */
export interface Told {
  /** Identity headers of the route. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Text of the transaction's context; empty: the route has none. */
  readonly context: string;
}

/**
 * The partition of an identity. It is not the subject alone: an answer may follow from scopes (agents and services decide by
 * them) or from anything else that those behind are told, and one subject has tokens with more and with less of it. Conditions
 * and decision points are asked before the cache, for each request; what they let pass reads no more than its own partition.
 * @returns empty for whoever is anonymous and told of nothing
 */
export function partitionOf(identity: Identity, told: Told): string {
  const { method, issuer, sub, consumer = null, scopes } = identity;
  if (method === "anonymous" && told.fields.length === 0 && told.context === "") return "";
  return JSON.stringify([method, issuer, sub, consumer, scopes.toSorted(), told.fields, told.context]);
}
