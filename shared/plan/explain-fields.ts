/** Which fields and which query of a request go on inside, stage by stage as the gateway has them. */
import { withoutParameter } from "../auth/api-key.ts";
import type { IdentityProvider } from "../auth/providers.ts";
import { forwardingFields, hopsIn } from "../http/forwarding-fields.ts";
import { inspectHead } from "../http/inspect-head.ts";
import { parseRequestTarget } from "../http/request-target.ts";
import { limits } from "../limits.ts";
import { applyHeaderEdits } from "../policy/header-edits.ts";
import { inwardFields } from "../policy/inward-fields.ts";
import type { HeaderEdits } from "../policy/settings.ts";
import { believedFields } from "./believed-fields.ts";
import { type ExplainRequest, type ExplainStep, headerOf, joinedHeaders, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

/** As rules and expressions see it: lower case, without port. @param host as the client named it */
export const bareHost = (host: string): string => parseRequestTarget(`http://${host}/`)?.host ?? host;

/** Header fields by their names in lower case. */
export type Fields = Map<string, string>;

/** Whether a request's content and the gateways that it has passed let it come as far as to its credentials. */
export function explainBounds({ bodyBytesMax }: RoutePlan, request: ExplainRequest): ExplainStep[] {
  const stated = headerOf(request, "content-length");
  if (stated !== undefined && !(Number(stated) <= bodyBytesMax)) {
    const text = `body of ${stated} bytes, the route takes ${bodyBytesMax}`;
    return [step("body", "deny", text, undefined, "body_too_large")];
  }
  const hops = hopsIn(headerOf(request, "via"));
  if (hops < limits.reshape.viaHopsMax) return [];
  return [step("via", "deny", `passed ${hops} gateways before`, undefined, "loop_detected")];
}

/** What is there once the edge has taken away what would be believed inside, and has said its own. */
export function passedFields(gateway: GatewayPlan, request: ExplainRequest, clientIp: string | undefined): Fields {
  const fields: Fields = new Map(Object.entries(joinedHeaders(request)));
  const field = (name: string): string | undefined => fields.get(name);
  const { dropped } = inspectHead(fields, 0);
  const { ended, cookies } = inwardFields({
    names: [...fields.keys()],
    field,
    dropped,
    believed: believedFields(gateway),
  });
  const forwarded = {
    clientIp,
    authority: request.host,
    scheme: request.scheme ?? "https",
    hops: hopsIn(field("via")),
  };
  for (const name of ended) fields.delete(name);
  for (const [name, value] of forwardingFields(forwarded)) fields.set(name, value);
  if (cookies !== undefined) fields.set("cookie", cookies);
  return fields;
}

/** Takes away what proves the client to the gateway, whichever provider it is for. @returns the query without it */
export function endCredentials({ identity }: GatewayPlan, fields: Fields, query: string): string {
  fields.delete("authorization");
  let left = query;
  for (const provider of Object.values(identity)) {
    for (const name of credentialFields(provider)) fields.delete(name);
    if (provider.kind === "api-key" && provider.query !== undefined && left !== "")
      left = withoutParameter(left, provider.query);
  }
  return left;
}

function credentialFields(provider: IdentityProvider): readonly string[] {
  if (provider.kind === "jwt" || provider.kind === "introspection") return ["dpop"];
  if (provider.kind === "signature") return ["signature-input", "signature"];
  return provider.kind === "api-key" && provider.header !== undefined ? [provider.header] : [];
}

/** Edits by constants; secrets stay references. */
export function editFields(fields: Fields, edits: HeaderEdits): void {
  applyHeaderEdits(editable(fields), edits, (name) => `\${secret:${name}}`);
}

/** What edits need of fields. Names in any case. */
export function editable(fields: Fields) {
  return {
    get: (name: string): string | null => fields.get(name.toLowerCase()) ?? null,
    set: (name: string, value: string): void => void fields.set(name.toLowerCase(), value),
    delete: (name: string): void => void fields.delete(name.toLowerCase()),
    append: (name: string, value: string): void => {
      const known = fields.get(name.toLowerCase());
      fields.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
    },
  };
}
