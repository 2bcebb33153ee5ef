import type { UpstreamTarget } from "../policy/settings.ts";
import type { RegexRewrite } from "./plan.ts";

/** Where a call goes, for people. */
export function describeTarget(target: UpstreamTarget): string {
  if ("service" in target) return `service ${target.service}`;
  return "origin" in target ? target.origin : `upstream ${target.upstream}`;
}

/**
 * What tells stored answers of one target from those of another: who is asked, by name where it has one, and how the path is made that
 * it is asked for. An upstream keeps its answers when it moves: its name says that it is the same one.
 */
export function sourceOf(target: UpstreamTarget, rewrite?: string | RegexRewrite): string {
  const described = describeTarget(target);
  if (rewrite === undefined) return described;
  return `${described} ${typeof rewrite === "string" ? rewrite : JSON.stringify(rewrite)}`;
}
