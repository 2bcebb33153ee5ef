/** What tests of several hubs share: which hub has whom, and agents that take views by change. */
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import type { AgentMessage, HubMessage } from "../../../shared/wire/hub.ts";
import { hubName } from "../../../workers/control/upstream/hubs.ts";
import { bindings, connect, helloOf, type TestAgent, token } from "../control/support.ts";

export type Changes = Extract<HubMessage, { type: "changes" }>;
type Held = NonNullable<Extract<AgentMessage, { type: "hello" }>["views"]>;

const HUBS = 3;
export const hubAt = (index: number) => bindings.HUB.getByName(hubName(index));
const indexOf = (service: string, instance: string): number => hubOf(`${service}/${instance}`, HUBS);
/** A name of an instance that the hub of that number holds. */
export const nameAt = (service: string, index: number, more = ""): string => {
  for (let at = 0; ; at++) if (indexOf(service, `${service}${more}-${at}`) === index) return `${service}${more}-${at}`;
};
export const allHubs = Array.from({ length: HUBS }, (_, index) => index);

export async function greet(service: string, instance: string, port = 0, views: Held = []): Promise<TestAgent> {
  const agent = await connect(await token({ role: "agent", service, sub: instance }));
  agent.send({ ...helloOf(instance, port), views });
  return agent;
}

/** Calls inventory; has got its first view. */
export async function caller(instance: string): Promise<{ agent: TestAgent; view: Changes["views"][number] }> {
  const agent = await greet("orders", instance);
  return { agent, view: await viewOf(agent, "inventory") };
}

/** The next change of a service that the agent is sent. */
export async function viewOf(agent: TestAgent, service: string): Promise<Changes["views"][number]> {
  for (;;) {
    const { views } = await agent.take("changes");
    const view = views.find((one) => one.service === service);
    if (view !== undefined) return view;
  }
}

export const namesOf = (view: Changes["views"][number]): string[] => view.put.map(({ instance }) => instance);
