import { type DocumentProblem, error, type Path } from "./problem.ts";

/**
 * That a request's header is not the document's to change. Of `Host` it is said how another one is told.
 * @param name in lower case
 */
export function fixedHeader(name: string, path: Path, at: "key" | "value"): DocumentProblem {
  if (name !== "host")
    return error("SLV3009", path, `the header ${name} belongs to the gateway and cannot be changed`, { at });
  return error("SLV3179", path, "the runtime sends as `Host` that of the URL which is called, and no other", {
    at,
    expected:
      "one of `upstreams`, whose target has a `url` with that host and a `binding` that leads to another address; what the client asked for is in X-Forwarded-Host",
  });
}
