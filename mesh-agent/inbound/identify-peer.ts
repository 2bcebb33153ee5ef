/** Who calls: the service that the peer's certificate names. */
import { SelvageError } from "../../shared/errors.ts";
import { serviceOf } from "../../shared/identity/spiffe-id.ts";
import type { Stage } from "../proxy/call.ts";
import type { InboundCall } from "./inbound-call.ts";

export const identifyPeer: Stage<InboundCall> = (call, next) => {
  const { spiffeId } = call.exchange.peer;
  call.from = spiffeId === undefined ? undefined : serviceOf(spiffeId, call.plan.plan.trustDomain);
  if (call.from === undefined)
    throw new SelvageError("peer_not_trusted", `${spiffeId ?? "no identity"} is not of this trust domain`);
  call.facts.peer = call.from;
  next();
};
