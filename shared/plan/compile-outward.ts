import type { ContextSource, TxnContextSettings } from "../auth/txn-context.ts";
import type { ContextConfig, IdentityHeadersConfig } from "../config/schema-outward.ts";
import { holesOf, parseTemplate } from "../config/template.ts";
import type { IdentityHeaders } from "../policy/identity-headers.ts";
import { lowerCaseKeys, mapValues } from "./sorted.ts";

/** @returns undefined when upstreams are told nothing */
export function compileIdentityHeaders(headers: IdentityHeadersConfig | undefined): IdentityHeaders | undefined {
  if (headers === undefined || Object.keys(headers).length === 0) return undefined;
  return mapValues(lowerCaseKeys(headers), (value) => parseTemplate(value).parts);
}

/** @returns undefined when there is nothing to say but the route */
export function compileContext(context: ContextConfig | undefined): TxnContextSettings | undefined {
  if (context === undefined || Object.keys(context).length === 0) return undefined;
  const members = mapValues(context, sourceOf);
  const ofRequest = Object.values(members).some((source) => "from" in source && source.from[0] !== "identity");
  return { members, ofRequest };
}

function sourceOf(value: ContextConfig[string]): ContextSource {
  const hole = typeof value === "string" ? holesOf(parseTemplate(value).parts)[0] : undefined;
  return hole === undefined ? { constant: value } : { from: [...hole] };
}
