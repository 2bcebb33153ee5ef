/**
 * External decision points (OpenID Authorization API 1.0, "AuthZEN"): what one is asked about a request, and what its answer
 * says. Everything that a document fills in is data: it can change no member but the one that it stands in.
 */

import { parametersOf } from "../http/query-parameters.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { Template } from "../policy/settings.ts";
import { lookUp } from "../policy/template.ts";
import { own } from "./scopes.ts";
import { readJsonObject } from "./strict-json.ts";

export interface DecisionPoint {
  readonly kind: "authzen";
  /** Of the Access Evaluation API. */
  readonly url: string;
  /** Lower-case names; values may hold `${secret:NAME}`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Claims that are told as properties of the subject. */
  readonly claims: readonly string[];
  readonly timeoutMs: number;
  readonly rememberMs: number;
  /** What happens when nobody answers. */
  readonly onFailure: "closed" | "open";
}

/** A text with holes, or a value as it is. */
export type Filling = Template | number | boolean;
export type Fillings = Readonly<Record<string, Filling>>;

export interface EntityFilling {
  readonly type?: Template;
  readonly id?: Template;
  readonly properties?: Fillings;
}

/** What a route asks. Absent members have defaults: see `evaluationOf`. */
export interface DecisionSettings {
  /** Name of the decision point. */
  readonly by: string;
  readonly subject?: EntityFilling;
  readonly action?: { readonly name?: Template; readonly properties?: Fillings };
  readonly resource?: EntityFilling;
  readonly context?: Fillings;
  /** It is asked beside the request, which nobody is refused by. */
  readonly mode?: "shadow";
}

/** What is known of a request that is to be decided. */
export interface DecisionFacts {
  readonly identity: Identity;
  readonly route: string;
  readonly method: string;
  readonly host: string;
  /** Normalised, without query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** With its `?`; may be empty. */
  readonly query: string;
  /** Lower-case names, without credentials. */
  readonly headers: Readonly<Record<string, string>>;
  readonly clientIp?: string;
}

type Json = Record<string, unknown>;

/** Access Evaluation Request (section 6.1). */
export interface Evaluation {
  readonly subject: Json;
  readonly action: Json;
  readonly resource: Json;
  readonly context?: Json;
}

/** @returns the question, or what of it cannot be said: then the request is not permitted */
export function evaluationOf(
  settings: DecisionSettings,
  { claims }: Pick<DecisionPoint, "claims">,
  facts: DecisionFacts,
): Evaluation | { readonly missing: string } {
  const { identity, route, method, path, params } = facts;
  const twice = repeatedParameter(settings, facts.query);
  if (twice !== undefined) return { missing: `${twice} is stated twice or malformed` };
  const scope = scopeOf(facts);
  const missing: string[] = [];
  const named = (template: Template | undefined, otherwise: string, what: string): string => {
    const value = template === undefined ? otherwise : fill(template, scope);
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    if (typeof text === "string" && text !== "" && text.isWellFormed()) return text;
    missing.push(what);
    return "";
  };
  const { subject, action, resource, context } = settings;
  const who = identity.method === "anonymous" ? "anonymous" : "user";
  const evaluation: Evaluation = {
    subject: {
      type: named(subject?.type, who, "subject.type"),
      id: named(subject?.id, identity.sub, "subject.id"),
      properties: subject?.properties === undefined ? describe(identity, claims) : fillAll(subject.properties, scope),
    },
    action: {
      name: named(action?.name, method, "action.name"),
      ...(action?.properties !== undefined && { properties: fillAll(action.properties, scope) }),
    },
    resource: {
      type: named(resource?.type, "route", "resource.type"),
      id: named(resource?.id, route, "resource.id"),
      properties: resource?.properties === undefined ? { path, params } : fillAll(resource.properties, scope),
    },
    ...(context !== undefined && { context: fillAll(context, scope) }),
  };
  return missing.length === 0 ? evaluation : { missing: `${missing.join(", ")} has no value` };
}

/** The identity's normal form, which keeps equal subjects of two issuers apart, and the claims that the document names. */
function describe({ issuer, scopes, groups, consumer, plan, claims }: Identity, names: readonly string[]): Json {
  const told = names.flatMap((name) => {
    const value = own(claims, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(told),
    issuer,
    scopes,
    groups,
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
  };
}

function scopeOf({ identity, method, host, path, params, query, headers, clientIp }: DecisionFacts): Json {
  return {
    identity,
    path: params,
    query: Object.fromEntries(parametersOf(query) ?? []),
    request: { method, host, path, headers, ...(clientIp !== undefined && { ip: clientIp }) },
  };
}

/** Members without a value are left out. */
function fillAll(fillings: Fillings, scope: Json): Json {
  const filled = Object.entries(fillings).flatMap(([name, filling]) => {
    const value = typeof filling === "object" ? fill(filling, scope) : filling;
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(filled);
}

/** A single hole gives its value as it is; holes among text give theirs as text. */
function fill(template: Template, scope: Json): unknown {
  const [first] = template;
  if (template.length === 1 && typeof first === "object") return lookUp(scope, first);
  let text = "";
  for (const piece of template) {
    const value = typeof piece === "string" ? piece : lookUp(scope, piece);
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return undefined;
    text += String(value);
  }
  return text;
}

/**
 * A parameter that the question names and that stands in the query twice: whoever is behind us may read the other one than
 * the decision point was told.
 */
function repeatedParameter(settings: DecisionSettings, query: string): string | undefined {
  const named = holesOf(settings).flatMap(([root, name]) => (root === "query" ? (name ?? []) : []));
  if (named.length === 0) return undefined;
  const parameters = parametersOf(query);
  if (parameters === undefined) return "query";
  const repeated = named.find((name) => parameters.filter(([known]) => known === name).length > 1);
  return repeated === undefined ? undefined : `query.${repeated}`;
}

function holesOf({ subject, action, resource, context }: DecisionSettings): (readonly string[])[] {
  const fillings = [
    ...[subject?.type, subject?.id, action?.name, resource?.type, resource?.id],
    ...[subject?.properties, action?.properties, resource?.properties, context].flatMap((all) =>
      Object.values(all ?? {}),
    ),
  ];
  return fillings.flatMap((filling) =>
    typeof filling === "object" ? filling.filter((piece) => typeof piece !== "string") : [],
  );
}

export interface Decision {
  readonly permitted: boolean;
  /** The decision point's, for operators. */
  readonly reason?: string;
}

/**
 * @param text body of an Access Evaluation Response (section 6.2)
 * @returns the decision, or why there is none
 */
export function readDecision(text: string): Decision | string {
  const answer = readJsonObject(text);
  if (typeof answer === "string") return `the answer ${answer}`;
  const { decision, context } = answer;
  if (typeof decision !== "boolean") return "decision is neither true nor false";
  const reason = reasonOf(context);
  return { permitted: decision, ...(reason !== undefined && { reason }) };
}

/** `reason_admin` holds texts by language or code; clients never see them. */
function reasonOf(context: unknown): string | undefined {
  if (typeof context !== "object" || context === null) return undefined;
  const stated = own(context as Json, "reason_admin");
  const texts = typeof stated === "object" && stated !== null ? Object.values(stated) : [stated];
  const text = texts.filter((one) => typeof one === "string").join("; ");
  return text === "" ? undefined : text.slice(0, limits.decision.reasonCharsMax);
}
