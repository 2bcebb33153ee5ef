import type { UpstreamTarget } from "../policy/settings.ts";

/** Where a call goes, for people. */
export function describeTarget(target: UpstreamTarget): string {
  if ("service" in target) return `service ${target.service}`;
  return "origin" in target ? target.origin : `upstream ${target.upstream}`;
}
