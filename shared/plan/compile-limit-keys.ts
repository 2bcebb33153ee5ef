import type { KeyPartConfig, LimitKeyConfig } from "../config/schema-limit-keys.ts";
import { CLIENT_PREFIX } from "../http/address-list.ts";
import { keyPartName } from "../policy/rate-limit-key.ts";
import type { LimitKeyPart, RateLimitSettings } from "../policy/settings.ts";

/** A key is the same in whatever order its parts are written. */
export function compileLimitKey(by: LimitKeyConfig): RateLimitSettings["by"] {
  const parts = (Array.isArray(by) ? by : [by]).map(compilePart);
  const [first, ...others] = parts;
  if (first === undefined) throw new Error("a limit counts by nothing");
  if (others.length === 0) return first;
  return parts.sort((a, b) => (keyPartName(a) < keyPartName(b) ? -1 : 1));
}

/** What kinds of values a key has, such as `ip` or `header-ip`. Names of claims and fields are nothing to tell clients. */
export function limitKeyLabel(by: RateLimitSettings["by"]): string {
  const parts = Array.isArray(by) ? by : [by];
  return parts.map((part) => keyPartName(part).split(" ", 1)[0]).join("-");
}

function compilePart(part: KeyPartConfig): LimitKeyPart {
  if (typeof part === "string") return part;
  const { header, claim, path, query, cookie, cel, ip } = part;
  if (header !== undefined) return { header: header.toLowerCase() };
  if (claim !== undefined) return { claim: claimPath(claim) };
  if (path !== undefined) return { path };
  if (query !== undefined) return { query };
  if (cookie !== undefined) return { cookie };
  if (cel !== undefined) return { cel };
  const { v4 = CLIENT_PREFIX.v4, v6 = CLIENT_PREFIX.v6 } = ip ?? {};
  return v4 === CLIENT_PREFIX.v4 && v6 === CLIENT_PREFIX.v6 ? "ip" : { ip: { v4, v6 } };
}

/** Names joined by dots, as in `{identity.claims.org.id}`; what cannot be written there, such as a URL, is one name. */
function claimPath(claim: string): string[] {
  return /^\w[\w-]*(?:\.\w[\w-]*)*$/.test(claim) ? claim.split(".") : [claim];
}
