import type { UpstreamTarget } from "../policy/settings.ts";

/** `gateway.upstreams`, of which the names count. */
export type UpstreamNames = Readonly<Record<string, unknown>> | undefined;

/** What a text of `to` means. */
export const targetOf = (to: string, upstreams: UpstreamNames): UpstreamTarget =>
  /^https?:/.test(to) ? { origin: new URL(to).origin } : namedTarget({ service: to }, upstreams);

/** A name is that of an upstream where there is one of that name. */
export function namedTarget(target: UpstreamTarget, upstreams: UpstreamNames): UpstreamTarget {
  const isUpstream = "service" in target && Object.hasOwn(upstreams ?? {}, target.service);
  return isUpstream ? { upstream: target.service } : target;
}
