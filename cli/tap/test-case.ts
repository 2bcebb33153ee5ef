/** Requests of a tap as cases of `selvage test`. */
import { stringify } from "yaml";
import type { TapEntry } from "../../shared/policy/tap-entry.ts";
import { HIDDEN } from "../../shared/policy/tap-entry.ts";

/** A test file with one case for each request that came in at the gateway and is different from those before. */
export function testFile(entries: readonly TapEntry[]): string {
  const cases = new Map<string, object>();
  for (const entry of entries) {
    if (entry.hop !== "gateway") continue;
    const one = testCase(entry);
    cases.set(JSON.stringify(one), one);
  }
  return stringify({ cases: [...cases.values()] });
}

/** What was hidden is left out: a case without it may end otherwise, and then is to be completed by hand. */
function testCase(entry: TapEntry): object {
  const { method, path, query, host, route, sub, status, error, headers = {} } = entry;
  const asked = query === undefined || query.includes(HIDDEN) ? path : `${path}?${query}`;
  const shown = Object.entries(headers).filter(([name, value]) => value !== HIDDEN && !FROM_ELSEWHERE.test(name));
  const refused = error !== undefined && status < 500;
  return {
    name: `${method} ${path} ${status}`,
    request: {
      method,
      url: host === "" ? asked : `http://${host}${asked}`,
      ...(shown.length > 0 && { headers: Object.fromEntries(shown) }),
      ...(sub !== undefined && { as: sub }),
    },
    expect: {
      ...(refused && { outcome: "refuse", denied: { code: error } }),
      // Without the identity's scopes, and while an upstream fails, nobody can say it beforehand.
      ...(!refused && error === undefined && status < 400 && { status }),
      ...(refused && { status }),
      ...(route !== undefined && { route }),
    },
  };
}

/** Made anew for each request. */
const FROM_ELSEWHERE = /^(?:host|content-length|connection|traceparent|tracestate|cf-.*|x-forwarded-.*|x-real-ip)$/;
