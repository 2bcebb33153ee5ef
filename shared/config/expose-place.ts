/** A service's `expose` read as if it were the `gateway` of a document, so that one set of rules holds for both. */
import type { Path } from "./problem.ts";

const MEMBERS: readonly unknown[] = [
  "hosts",
  "cors",
  "clientIp",
  "identityHeaders",
  "legacyRateLimitHeaders",
  "routes",
];

/** From a place in such a `gateway` to the place in the document; undefined: it is the document's own `gateway`. */
export function exposePlace(service: string, path: Path): Path | undefined {
  const [first, member] = path;
  if (first !== "gateway" || !MEMBERS.includes(member)) return undefined;
  return ["mesh", "services", service, "expose", ...path.slice(1)];
}
