/** Which service a workload joins as that shows a token of an outside issuer: rules on the token's claims. */
import { own } from "../auth/scopes.ts";

/** Whose tokens are believed. */
export interface JoinIssuer {
  /** Exactly the token's `iss`. */
  readonly issuer: string;
  /** One of them must be in `aud`. */
  readonly audiences: readonly string[];
  /** Absent: found by discovery below the issuer. Inline: public JWKs, checked when they are used. */
  readonly keys?: { readonly url: string } | { readonly jwks: readonly Readonly<Record<string, unknown>>[] };
  /** Longest life of a token, `exp` less `iat`. */
  readonly tokenLifetimeMsMax: number;
  readonly clockSkewMs: number;
  /** One token may be shown by several agents. */
  readonly reuse?: true;
}

/** The first that matches decides. */
export interface JoinRule {
  /** Name of the issuer in the document. */
  readonly issuer: string;
  /** Claim, by its path, to patterns of which one must match. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  /** Name of the service; with `allow` a template, `{claim}` stands for a claim's text. */
  readonly service: string;
  /** What the template may come to. */
  readonly allow?: readonly string[];
}

export interface JoinPlan {
  readonly issuers: Readonly<Record<string, JoinIssuer>>;
  readonly rules: readonly JoinRule[];
}

type Claims = Readonly<Record<string, unknown>>;

/** Of one rule: the service, or why it does not match. */
export type RuleVerdict = { readonly service: string } | { readonly reason: string };

export interface JoinVerdict {
  /** Index of the rule that decides, and its service; absent: no rule matches. */
  readonly matched?: { readonly rule: number; readonly service: string };
  /** Rules that were asked, in the order of the document. */
  readonly asked: readonly { readonly rule: number; readonly verdict: RuleVerdict }[];
}

/** @param claims of a token whose signature, audience and times were good @param issuer its name in the document */
export function judgeJoin({ rules }: JoinPlan, issuer: string, claims: Claims): JoinVerdict {
  const asked: { rule: number; verdict: RuleVerdict }[] = [];
  for (const [index, rule] of rules.entries()) {
    if (rule.issuer !== issuer) continue;
    const verdict = judgeRule(rule, claims);
    asked.push({ rule: index, verdict });
    if ("service" in verdict) return { matched: { rule: index, service: verdict.service }, asked };
  }
  return { asked };
}

function judgeRule(rule: JoinRule, claims: Claims): RuleVerdict {
  for (const [path, patterns] of Object.entries(rule.claims)) {
    const found = textsOf(claimAt(claims, path));
    if (found.length === 0) return { reason: `the token has no claim ${path}` };
    if (!found.some((text) => patterns.some((pattern) => matchesPattern(pattern, text))))
      return { reason: `${path} is ${shown(found)}, expected ${patterns.join(" or ")}` };
  }
  return fillService(rule, claims);
}

const HOLE = /\{([^{}]+)\}/g;

/** Claims that a template names. */
export const templateClaims = (service: string): string[] => [...service.matchAll(HOLE)].map(([, path = ""]) => path);

function fillService({ service, allow }: JoinRule, claims: Claims): RuleVerdict {
  if (allow === undefined) return { service };
  const missing = templateClaims(service).find((path) => textsOf(claimAt(claims, path)).length !== 1);
  if (missing !== undefined) return { reason: `the token has no single claim ${missing} to make a service of` };
  const filled = service.replace(HOLE, (_, path: string) => textsOf(claimAt(claims, path))[0] ?? "");
  if (allow.includes(filled)) return { service: filled };
  return { reason: `it comes to the service ${shown([filled])}, which \`allow\` does not name` };
}

/**
 * A claim by its path: `kubernetes.io.namespace` is the member `namespace` of the claim `kubernetes.io`. Names may have dots
 * themselves: the longest name that is there is taken at each step.
 */
export function claimAt(claims: Claims, path: string): unknown {
  const whole = own(claims, path);
  if (whole !== undefined) return whole;
  for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
    const below = own(claims, path.slice(0, dot));
    if (typeof below === "object" && below !== null && !Array.isArray(below))
      return claimAt(below as Claims, path.slice(dot + 1));
  }
  return undefined;
}

/** Texts that a claim's value is compared as: of a list each member. */
function textsOf(value: unknown): string[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.flatMap((one) => (["string", "number", "boolean"].includes(typeof one) ? [String(one)] : []));
}

/** Long and foreign texts go into logs. */
const shown = (texts: readonly string[]): string =>
  texts
    .slice(0, 4)
    .map((text) => JSON.stringify(text.slice(0, 100)))
    .join(", ");

/** `*` stands for any text without `/` and `:`, `**` for any text; everything else for itself. Takes linear time in each. */
export function matchesPattern(pattern: string, text: string): boolean {
  const pieces = pattern.split(/(\*\*|\*)/).filter((piece) => piece !== "");
  // Positions in the text that the pieces so far can end at.
  let ends = new Set([0]);
  for (const piece of pieces) {
    if (ends.size === 0) return false;
    ends = piece === "*" || piece === "**" ? spread(ends, text, piece === "*") : advance(ends, text, piece);
  }
  return ends.has(text.length);
}

function advance(ends: ReadonlySet<number>, text: string, literal: string): Set<number> {
  const next = new Set<number>();
  for (const at of ends) if (text.startsWith(literal, at)) next.add(at + literal.length);
  return next;
}

function spread(ends: ReadonlySet<number>, text: string, stopsAtSeparators: boolean): Set<number> {
  const next = new Set<number>();
  let open = false;
  for (let at = 0; at <= text.length; at++) {
    if (ends.has(at)) open = true;
    if (!open) continue;
    next.add(at);
    if (stopsAtSeparators && (text[at] === "/" || text[at] === ":")) open = false;
  }
  return next;
}
