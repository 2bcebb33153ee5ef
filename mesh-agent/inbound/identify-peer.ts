/** Who calls: the service that the peer's certificate names, and the rules of the access list that are about it. */
import { type CallerRules, rulesFor } from "../../shared/auth/access.ts";
import { SelvageError } from "../../shared/errors.ts";
import { serviceOf, trustDomainOf } from "../../shared/identity/spiffe-id.ts";
import type { AgentPlan } from "../../shared/plan/plan.ts";
import type { Stage } from "../proxy/call.ts";
import type { Peer } from "../proxy/engine.ts";
import type { InboundCall } from "./inbound-call.ts";

/** An identity stays that of its connection: what follows from it is found once for each connection and plan. */
const known = new WeakMap<Peer, { readonly plan: AgentPlan; readonly rules: CallerRules }>();

export const identifyPeer: Stage<InboundCall> = (call, next) => {
  const { peer } = call.exchange;
  const { plan } = call.plan;
  let entry = known.get(peer);
  if (entry?.plan !== plan) {
    entry = { plan, rules: rulesFor(plan.inbound?.access, callerOf(peer, plan)) };
    known.set(peer, entry);
  }
  call.accessRules = entry.rules;
  call.from = entry.rules.from;
  call.facts.peer = call.from;
  next();
};

/** @returns its service, or its SPIFFE ID where it is of another trust domain and a rule names it */
function callerOf({ spiffeId }: Peer, { trustDomain, inbound }: AgentPlan): string {
  if (spiffeId === undefined) throw new SelvageError("peer_not_trusted", "the caller has no identity");
  const service = serviceOf(spiffeId, trustDomain);
  if (service !== undefined) return service;
  const isNamed = inbound?.access?.some(({ from }) => from === spiffeId) === true;
  if (isNamed && trustDomainOf(spiffeId) !== trustDomain) return spiffeId;
  throw new SelvageError("peer_not_trusted", `${spiffeId} is not of this trust domain, and no rule names it`);
}
