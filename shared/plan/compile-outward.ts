import type { ContextSource, TxnContextSettings } from "../auth/txn-context.ts";
import type { ContextConfig, IdentityHeadersConfig } from "../config/schema-outward.ts";
import { holesOf, parseTemplate } from "../config/template.ts";
import type { IdentityHeaders } from "../policy/identity-headers.ts";
import { lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

/** @returns undefined when upstreams are told nothing */
export function compileIdentityHeaders(headers: IdentityHeadersConfig | undefined): IdentityHeaders | undefined {
  if (headers === undefined || Object.keys(headers).length === 0) return undefined;
  return mapValues(lowerCaseKeys(headers), (value) => parseTemplate(value).parts);
}

/** Every name that is one anywhere: on the other routes no client may say it either. */
export function identityHeaderNames({
  identityHeaders,
  routes,
}: {
  readonly identityHeaders?: IdentityHeadersConfig | undefined;
  readonly routes: readonly { readonly identityHeaders?: IdentityHeadersConfig | undefined }[];
}): string[] {
  const all = [identityHeaders, ...routes.map((route) => route.identityHeaders)];
  return sorted(all.flatMap((headers) => Object.keys(headers ?? {})).map((name) => name.toLowerCase()));
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
