import { clientIpRules, findClientAddress } from "../http/client-ip.ts";
import { type ExplainRequest, type ExplainStep, headerOf, step } from "./explain-step.ts";
import type { GatewayPlan } from "./plan.ts";

export interface ExplainedClient {
  /** Absent: nobody can say. */
  readonly address?: string;
  readonly steps: readonly ExplainStep[];
}

/** Whose address counts as the client's, where the document trusts proxies. */
export function explainClientIp({ clientIp: settings }: GatewayPlan, request: ExplainRequest): ExplainedClient {
  const peer = request.clientIp;
  const rules = settings && clientIpRules(settings);
  const { address, by } = findClientAddress(peer, (name) => headerOf(request, name), rules);
  const found = address === undefined ? {} : { address };
  if (settings === undefined) return { ...found, steps: [] };
  const texts = {
    peer:
      address === undefined
        ? `unknown: ${peer} is no address`
        : `${address}, which connects and is not in \`trustedProxies\``,
    proxy: `${address}: a trusted proxy, which names nobody in ${settings.header}`,
    field: `${address}, by ${settings.header} of the trusted proxy ${peer}`,
    unreadable: `unknown: what the trusted proxy ${peer} says in ${settings.header} is no address`,
  };
  const text = peer === undefined ? "who connects is not known (say it with --from)" : texts[by];
  return { ...found, steps: [step("client address", "note", text, ["gateway", "clientIp"])] };
}
