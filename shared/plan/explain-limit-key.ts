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
  readonly request: ExplainRequest;
  /** Normalised. */
  readonly path: string;
  /** Whether credentials end before limits are asked. */
  readonly authenticated: boolean;
}

/** @returns what of the request could be said with the command and was not, as part of the facts */
export function keyFacts({ identity, clientIp, params, request, path, authenticated }: KeyRequest): LimitKeyFacts {
  const ends = (name: string): boolean => authenticated && name === "authorization";
  const headers = request.headers.filter(([name]) => !ends(name));
  const { method, host, query } = request;
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
  /** Given: the limit refuses requests that lack this. */
  readonly refused?: { readonly text: string; readonly code: ReturnType<typeof lackingCode> };
}

export function explainKey({ by, missing }: RateLimitSettings, facts: LimitKeyFacts): ExplainedKey {
  const values = limitKeyValues(by, facts);
  const lacking = values.filter(({ part, value }) => value === undefined && !isUnknown(part, facts));
  const [first] = lacking;
  const text = values.map((value) => describePart(value, facts)).join(" and ");
  if (first === undefined) return { text };
  if (missing === undefined) return { text: `${text}, together with all that lack the same` };
  const refused = `the request lacks ${keyPartName(first.part)}, which the limit wants (\`missing: refuse\`)`;
  return { text, refused: { text: refused, code: lackingCode(first.part) } };
}

function describePart({ part, value }: LimitKeyValue, facts: LimitKeyFacts): string {
  const name = keyPartName(part);
  if (part === "all") return "nothing: everybody together";
  if (isUnknown(part, facts))
    return isAddress(part) ? "the client's address (say which with --from)" : `${name} of a key that was not looked up`;
  if (value === undefined) return `${name}: none`;
  const said = typeof part === "object" && "cel" in part ? `what ${part.cel} gives:` : name;
  return `${said} ${value.map((one) => JSON.stringify(one)).join(" ")}`;
}

/** What a host knows and a dry run was not told. */
function isUnknown(part: LimitKeyPart, { identity, clientIp }: LimitKeyFacts): boolean {
  if (isAddress(part)) return clientIp === undefined;
  if (part === "consumer" || part === "plan") return isUnchecked(identity);
  return typeof part === "object" && "claim" in part && isUnchecked(identity);
}

const isAddress = (part: LimitKeyPart): boolean => part === "ip" || (typeof part === "object" && "ip" in part);
