/** A new certificate for an agent that has, or had, one: what `mesh-agent/control/reissue.ts` does with promises. */
import type { Challenge, Leaf, PlatformToken, Proof } from "./messages.ts";
import type { Workload, World } from "./nodes.ts";
import type { VirtualNode } from "./virtual-node.ts";

/** What it needs of the agent. */
export interface Holder extends VirtualNode<World>, Workload {
  readonly leaf: Leaf | undefined;
  /** By which it comes back. */
  readonly key: string;
  /** A token of its platform; undefined: it has none. */
  platformToken(): PlatformToken | undefined;
}

/** Undefined: the control plane has not spoken. */
type Answer = { readonly leaf: Leaf | undefined } | undefined;

/** By its token, and when that is refused by what else proves it. */
export function reissue(agent: Holder, then: (answer: Answer) => void): void {
  const { service, leaf, key } = agent;
  const proof: Proof = { kind: "renewal", service, tokenEndsMs: leaf?.tokenEndsMs ?? 0, key };
  ask(agent, proof, (answer) => {
    if (answer === undefined || answer.leaf !== undefined) then(answer);
    else comeBack(agent, then);
  });
}

/** By the enrolment key, and when that is refused by a token of the platform. */
function comeBack(agent: Holder, then: (answer: Answer) => void): void {
  agent.say(() => "comes back by its key");
  challenged(agent, (challenge) => {
    if (challenge === undefined) then(undefined);
    else
      ask(agent, { kind: "key", key: agent.key, challenge }, (answer) => {
        if (answer === undefined || answer.leaf !== undefined) then(answer);
        else joinByToken(agent, then);
      });
  });
}

/** @param then gets no leaf where there is no platform, too */
export function joinByToken(agent: Holder, then: (answer: Answer) => void): void {
  const token = agent.platformToken();
  if (token === undefined) {
    then({ leaf: undefined });
    return;
  }
  agent.say(() => `shows token ${token.id} of its platform`);
  challenged(agent, (challenge) => {
    if (challenge === undefined) then(undefined);
    else ask(agent, { kind: "platform", token, key: agent.key, challenge }, then);
  });
}

function challenged(agent: Holder, then: (challenge: Challenge | undefined) => void): void {
  const { network, authority } = agent.world;
  network.call<Challenge>({
    ...{ from: agent, to: authority, act: "challenge" },
    handle: (reply) => reply(authority.challenge()),
    onEnd: then,
  });
}

export function ask(agent: Holder, proof: Proof, then: (answer: Answer) => void): void {
  const { network, authority } = agent.world;
  network.call<{ leaf: Leaf | undefined }>({
    ...{ from: agent, to: authority, act: `ask for a certificate by ${proof.kind}` },
    handle: (reply) => authority.issue(agent.instance, proof, (leaf) => reply({ leaf })),
    onEnd: (answer) => {
      // What runs was made for one service.
      const isOther = answer?.leaf !== undefined && answer.leaf.service !== agent.service;
      then(isOther ? { leaf: undefined } : answer);
    },
  });
}
