/** Whom a limit counts a request by, in words. */
import { parseKeyExpression } from "../auth/condition.ts";
import {
  keyPartName,
  type LimitKeyFacts,
  type LimitKeyValue,
  lackingCode,
  limitKeyValues,
} from "../policy/rate-limit-key.ts";
import type { LimitKeyPart, RateLimitSettings } from "../policy/settings.ts";
import { isUnchecked } from "./explain-key.ts";
import { type ExplainRequest, headerOf, joinedHeaders } from "./explain-step.ts";

export interface KeyRequest extends Pick<LimitKeyFacts, "identity" | "clientIp" | "params"> {
  /** As it is where limits are asked: without credentials, its host without port. */
  readonly request: ExplainRequest;
  /** Normalised. */
  readonly path: string;
}

/** @returns what of the request could be said with the command and was not, as part of the facts */
export function keyFacts({ identity, clientIp, params, request, path }: KeyRequest): LimitKeyFacts {
  const { method, host, query, headers } = request;
  return {
    identity,
    clientIp,
    params,
    query,
    header: (name) => headerOf({ headers }, name),
    evaluate: (text) => {
      const expression = parseKeyExpression(text);
      if (typeof expression === "string") return undefined;
      return expression.evaluate(identity, { method, host, path, headers: joinedHeaders({ headers }) });
    },
  };
}

export interface ExplainedKey {
  readonly text: string;
  /** The parts of the key, and the values of this request. */
  readonly facts: { readonly by: readonly string[]; readonly key: readonly string[] };
  /** Given: the limit refuses requests that lack this. */
  readonly refused?: { readonly text: string; readonly code: ReturnType<typeof lackingCode> };
}

/** @param isPeerTold whether it was said who connects: then an address that is not known is one that the gateway lacks, too */
export function explainKey(
  { by, missing }: RateLimitSettings,
  facts: LimitKeyFacts,
  isPeerTold: boolean,
): ExplainedKey {
  const isUntold = (part: LimitKeyPart): boolean =>
    isAddress(part) ? !isPeerTold : isOfRecord(part) && isUnchecked(facts.identity);
  const values = limitKeyValues(by, facts);
  const first = values.find(({ part, value }) => value === undefined && !isUntold(part));
  const text = values.map((value) => describePart(value, isUntold(value.part))).join(" and ");
  const said = factsOf(values);
  if (first === undefined) return { text, facts: said };
  if (missing === undefined) return { text: `${text}, together with all that lack the same`, facts: said };
  const refused = `the request lacks ${keyPartName(first.part)}, which the limit wants (\`missing: refuse\`)`;
  return { text, facts: said, refused: { text: refused, code: lackingCode(first.part) } };
}

function factsOf(values: readonly LimitKeyValue[]): ExplainedKey["facts"] {
  return {
    by: values.map(({ part }) => keyPartName(part)),
    key: values.map(({ value }) => value?.join(" ") ?? "none"),
  };
}

/** @param isUntold a host knows it, and the dry run was not told */
function describePart({ part, value }: LimitKeyValue, isUntold: boolean): string {
  const name = keyPartName(part);
  if (part === "all") return "nothing: everybody together";
  if (isUntold)
    return isAddress(part) ? "the client's address (say which with --from)" : `${name} of a key that was not looked up`;
  if (value === undefined) return `${name}: none`;
  const said = typeof part === "object" && "cel" in part ? `what ${part.cel} gives:` : name;
  return `${said} ${value.map((one) => JSON.stringify(one)).join(" ")}`;
}

/** What only a look-up of the key would tell. */
function isOfRecord(part: LimitKeyPart): boolean {
  return part === "consumer" || part === "plan" || (typeof part === "object" && "claim" in part);
}

const isAddress = (part: LimitKeyPart): boolean => part === "ip" || (typeof part === "object" && "ip" in part);
