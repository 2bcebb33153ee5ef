/** Where a request of a route goes when its `traffic` says so: canaries, A/B tests, and clients that stay where they are. */
import { firstCookie } from "../http/cookies.ts";
import { limits } from "../limits.ts";
import { hashText } from "./rendezvous.ts";
import type { FaultRule, TrafficMatch, UpstreamTarget } from "./settings.ts";
import { matches, type TrafficRequest } from "./traffic.ts";

/** One of the targets of a split. */
export interface Variant {
  /** As the document names it: a service, or an origin. */
  readonly name: string;
  readonly to: UpstreamTarget;
  /** Relative to those beside it, more than 0. */
  readonly weight: number;
}

/** The first rule of which everything matches decides. */
export interface EdgeTrafficRule extends TrafficMatch {
  /** At least one. */
  readonly variants: readonly Variant[];
  /** What keeps a client at its variant. Absent: each request is drawn. */
  readonly sticky?: StickySource;
}

export type StickySource =
  | { readonly by: "identity" | "ip" }
  | { readonly header: string }
  | { readonly cookie: string; readonly maxAgeMs: number };

/** Requests that match, and have such a method, are also sent to another target whose answers nobody gets. */
export interface EdgeMirrorRule extends TrafficMatch {
  readonly methods: readonly string[];
  readonly to: UpstreamTarget;
  readonly percent: number;
}

/** Of those of the mesh a gateway has no connections to break off, and no bodies to slow down. */
export type EdgeFaultRule = Omit<FaultRule, "reset" | "slowBody">;

/** Whom a client is kept together by; undefined: not known. */
export interface StickyClient {
  readonly identity: string | undefined;
  readonly ip: string | undefined;
}

export interface VariantChoice {
  readonly variant: Variant;
  /** Index of the rule. */
  readonly rule: number;
  /** A cookie that the client is to keep; absent: none, or it has it. */
  readonly cookie?: { readonly name: string; readonly value: string; readonly maxAgeMs: number };
}

const { buckets } = limits.edgeTraffic;

/**
 * @param route its name: experiments of two routes do not pick the same clients
 * @param header value of a field by its lower-case name
 * @param random at least 0, below 1
 * @returns undefined when no rule matches: the route's own target
 */
export function chooseVariant(
  rules: readonly EdgeTrafficRule[],
  route: string,
  request: TrafficRequest,
  client: StickyClient,
  header: (name: string) => string | undefined,
  random: number,
): VariantChoice | undefined {
  for (const [at, rule] of rules.entries()) {
    if (!matches(rule, request, header)) continue;
    const [only, ...others] = rule.variants;
    if (only === undefined) return undefined;
    if (others.length === 0) return { variant: only, rule: at };
    if (rule.sticky !== undefined && "cookie" in rule.sticky) return byCookie(rule, rule.sticky, at, header, random);
    const text = rule.sticky === undefined ? undefined : stickyText(rule.sticky, client, header);
    const share = text === undefined ? random : hashText(`${route}\n${text}`) / 0x100000000;
    return { variant: drawVariant(rule.variants, share), rule: at };
  }
  return undefined;
}

/**
 * The cookie holds a share, not a name: when the weights of two targets change, only as many clients move as must. A client can choose its
 * variant, as it can with a header.
 */
function byCookie(
  { variants }: EdgeTrafficRule,
  { cookie: name, maxAgeMs }: Extract<StickySource, { cookie: string }>,
  rule: number,
  header: (name: string) => string | undefined,
  random: number,
): VariantChoice {
  const kept = firstCookie(header("cookie"), name);
  const bucket = kept !== undefined && /^\d{1,4}$/.test(kept) ? Number(kept) : undefined;
  const share = (at: number): number => (at + 0.5) / buckets;
  if (bucket !== undefined) return { variant: drawVariant(variants, share(bucket)), rule };
  const drawn = Math.floor(random * buckets);
  return { variant: drawVariant(variants, share(drawn)), rule, cookie: { name, value: String(drawn), maxAgeMs } };
}

function stickyText(
  source: Exclude<StickySource, { cookie: string }>,
  { identity, ip }: StickyClient,
  header: (name: string) => string | undefined,
): string | undefined {
  if ("header" in source) return header(source.header) || undefined;
  return source.by === "ip" ? ip : identity;
}

function drawVariant(variants: readonly Variant[], share: number): Variant {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  let left = share * total;
  for (const variant of variants) {
    left -= variant.weight;
    if (left < 0) return variant;
  }
  return variants.at(-1) as Variant;
}
