import { type ProtectedResource, resourceDescribedAt } from "../../../shared/auth/resource.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { corsFields, preflightFields } from "../../../shared/policy/cors.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers for the metadata of protected resources (RFC 9728), before any route could; other paths go on. */
export function resourceMetadata(): Stage {
  return {
    enter: (c) => {
      const { resources } = c.get("held").plan;
      if (resources === undefined) return undefined;
      const { host, path } = c.get("target");
      const resource = resourceDescribedAt(resources, host, normalisePath(path).path ?? "");
      return resource && answer(c, resource);
    },
  };
}

function answer(c: Context<GatewayEnv>, resource: ProtectedResource): Response {
  const { method, headers } = c.req.raw;
  if (method === "OPTIONS") return preflight(headers);
  if (method !== "GET" && method !== "HEAD") {
    c.header("allow", "GET, HEAD, OPTIONS");
    throw new SelvageError("method_not_allowed", `${method} on metadata`);
  }
  // The plan says all of it, so its hash tells whether it changed.
  const etag = `"${c.get("held").hash.slice(0, 32)}"`;
  const fields = {
    ...Object.fromEntries(corsFields(ANYBODY, headers.get("origin") ?? undefined)),
    "content-type": "application/json",
    "cache-control": `max-age=${limits.resource.maxAgeMs / 1000}`,
    etag,
  };
  const known = (headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return new Response(null, { status: 304, headers: fields });
  return new Response(method === "HEAD" ? null : canonicalJson(resource.metadata), { headers: fields });
}

function preflight(headers: Headers): Response {
  const asked = headers.get("access-control-request-headers") ?? undefined;
  const method = headers.get("access-control-request-method") ?? "";
  const fields = preflightFields(ANYBODY, { origin: headers.get("origin") ?? "", method, headers: asked });
  return new Response(null, { status: 204, headers: fields.map(([name, value]) => [name, value]) });
}

/** Metadata is for every client, whatever origins may use the API. */
const ANYBODY = {
  origins: ["*"],
  methods: ["GET", "HEAD"],
  allowHeaders: [],
  exposeHeaders: [],
  credentials: false,
  maxAgeMs: limits.resource.maxAgeMs,
} as const;
