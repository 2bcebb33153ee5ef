/** The user's own code in a route, as the plan carries it, and what it may change of a request. */
import { HOP_BY_HOP, isForgeable, TRACEPARENT, TRACESTATE } from "../http/header-names.ts";
import type { UpstreamTarget } from "./settings.ts";
import { isFieldValue } from "./value-text.ts";

/** One use of a module that is deployed with the gateway. */
export interface CodeUse {
  /** As the document names it: a path below its folder, with `/`. */
  readonly file: string;
  /** What the document says in `with`, with its `${secret:NAME}`. Absent: nothing. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Code of a route that is no target. */
export interface RouteCode {
  /** In their order; the first is the outermost. Absent: none. */
  readonly policies?: readonly CodeUse[];
  /** What the route's code may call, by the names that it has for it. Absent: nothing. */
  readonly calls?: Readonly<Record<string, UpstreamTarget>>;
}

/** A target that is code. */
export interface HandlerTarget {
  readonly kind: "handler";
  readonly code: CodeUse;
}

/** Every use of code in a route, policies before the handler. */
export function codeOf(route: RouteCode & { readonly target: { readonly kind: string } | HandlerTarget }): CodeUse[] {
  const { target, policies = [] } = route;
  return "code" in target ? [...policies, target.code] : [...policies];
}

const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "host",
  "content-length",
  TRACEPARENT,
  TRACESTATE,
  "signature",
  "signature-input",
]);

/**
 * Why code may not change a field of a request; undefined: it may.
 * @param believed fields that say who asks by the gateway's word, lower case
 * @param value absent: the field is removed
 */
export function fieldFault(name: string, value: string | undefined, believed: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(lower)) return `${JSON.stringify(name.slice(0, 128))} is no field name`;
  if (OWN_FIELDS.has(lower) || isForgeable(lower) || believed.includes(lower))
    return `the field ${lower} belongs to the gateway and cannot be changed by code`;
  if (value !== undefined && !isFieldValue(value)) return `the field ${lower} would not be one line of visible ASCII`;
  return undefined;
}
