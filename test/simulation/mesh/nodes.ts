/** What each node of a world needs of the world and of the others. */
import type { AuthorityState } from "../../../shared/policy/authority-rotation.ts";
import type { CanaryRollout } from "../../../shared/policy/canary-rollout.ts";
import type { HubState, HubVerdict } from "../../../shared/policy/hub-state.ts";
import type { JoinTokenState } from "../../../shared/policy/issuance.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import type { RegistryState, RegistryUpdate, RegistryVerdict, Released } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { CanaryEvent, CanaryPhase } from "../../../shared/policy/version-canary.ts";
import type { AgentKnowledge } from "./agent-knowledge.ts";
import type { AgentEnd, AgentSocket, HubEnd } from "./agent-socket.ts";
import type { HubStorage } from "./hub-storage.ts";
import type { Client, IsolateCanary } from "./isolate-canary.ts";
import type { JoiningDesk } from "./joining-desk.ts";
import type {
  CanaryGrant,
  CanaryNews,
  Challenge,
  LastGood,
  Leaf,
  LeaseAsk,
  LeaseGrant,
  PlatformToken,
  Proof,
  Publication,
  Reports,
  StoredVersion,
  TakenPlan,
  Told,
  Trust,
} from "./messages.ts";
import type { Network, NetworkWorld } from "./network.ts";
import type { Steps } from "./steps.ts";
import type { DurableNode, NodeWorld, VirtualNode } from "./virtual-node.ts";

export interface World extends NodeWorld, NetworkWorld {
  readonly network: Network;
  readonly steps: Steps;
  readonly habits: Habits;
  readonly rules: Watch;
  readonly config: ConfigNode;
  readonly authority: AuthorityNode;
  readonly agents: readonly AgentNode[];
  readonly isolates: readonly IsolateNode[];
  /** Those in use. */
  readonly hubs: readonly HubNode[];
  lastGood: LastGood | undefined;
  /** A canary runs, or one has ended not long ago: requests are of interest. */
  readonly hasRequests: boolean;
  /** What the platform says of a workload. */
  platformToken(of: Workload): PlatformToken;
  /** A request that an isolate has decided goes into the mesh. */
  send(isolate: IsolateNode, version: number): void;
  /** A whole number from 0 up to below 2 to the power of 30. */
  readonly draw: () => number;
  /** @returns one that is or was in use */
  hub(name: string): HubNode | undefined;
  hubFor(agent: Workload): HubNode;
  registry(service: string): RegistryNode;
  /** @param done gets the answers of all, or undefined when some did not answer in time */
  eachHub<T>(
    from: DurableNode,
    act: string,
    ask: (hub: HubNode, reply: (value: T) => void) => void,
    done: (answers: [HubNode, T][] | undefined) => void,
  ): void;
}

/** What hosts do beside the steps, where a test of the rules wants it wrong. */
export interface Habits {
  /** Nothing is given up for it. */
  renewalFailed(agent: AgentNode): void;
  /** Whether an answer to a lease came after that of a later call. */
  isOvertaken(call: number, taken: number): boolean;
  /** What is stored before it is acknowledged. */
  storesVersions: boolean;
  /** Whether a canary that has ended so leaves a version that is live. */
  isReleased(phase: CanaryPhase): boolean;
}

/** What the rules are told as it happens. */
export interface Watch {
  readonly canaries: CanaryWatch;
  lookAtVersions(): void;
  planTaken(agent: AgentNode, before: TakenPlan | undefined): void;
  trustTaken(agent: AgentNode): void;
  identityChanged(agent: AgentNode, before: Leaf | undefined): void;
  stoppedAccepting(agent: AgentNode): void;
  isolateTook(isolate: IsolateNode, before: number): void;
  keyTaken(isolate: IsolateNode): void;
  greeted(hub: HubNode, socket: AgentSocket): void;
  toldToWait(socket: AgentSocket): void;
  shown(hub: HubNode, verdict: HubVerdict): void;
  acknowledged(hub: HubNode, agent: AgentEnd): void;
  registryStepped(registry: RegistryNode, verdict: RegistryVerdict): void;
  leased(isolate: string, version: number): void;
  issued(leaf: Leaf, proof: Proof): void;
  keyPromoted(kid: string, waitedMs: number): void;
}

/** The same of canaries of a version. */
export interface CanaryWatch {
  begun(rollout: CanaryRollout): void;
  /** @param isKnown the event meant something */
  stepped(rollout: CanaryRollout, before: CanaryPhase, event: CanaryEvent, isKnown: boolean): void;
  /** @param canary undefined: there is none @param askedAtMs time of the world */
  isolateTold(isolate: IsolateNode, canary: CanaryGrant | undefined, askedAtMs: number): void;
  drew(canary: IsolateCanary, client: Client, isTried: boolean): void;
  /** A hop. @param named the version that it was named */
  decided(request: RequestOnItsWay, agent: AgentNode, named: string | undefined, version: number): void;
}

export interface RequestOnItsWay {
  /** That the gateway decided it by. */
  readonly version: number;
  /** Time of the world. */
  readonly beganMs: number;
  readonly isolate: string;
}

export type Workload = Pick<Leaf, "service" | "instance">;

export type AgentPhase = "gone" | "joining" | "starting" | "ready" | "draining";

export interface AgentNode extends AgentEnd {
  readonly key: string;
  readonly hasPlatform: boolean;
  /** On its disk. */
  leaf: Leaf | undefined;
  readonly known: Pick<AgentKnowledge, "isReleased" | "plan" | "second" | "trust" | "usedOf">;
  readonly phase: AgentPhase;
  readonly isAlive: boolean;
  readonly drainBeganMs: number;
  readonly port: number;
  readonly socket: Pick<AgentSocket, "id"> | undefined;
  /** Since when its socket is there, time of the world; undefined: it is not. */
  readonly openSinceMs: number | undefined;
}

export interface HubNode extends HubEnd {
  readonly state: HubState;
  readonly storage: Pick<HubStorage, "canary" | "publication" | "trust">;
  /** An agent opens a socket. @param answer called when it is there, or with the time after which the agent is to come */
  connect(socket: AgentSocket, answer: (waitMs: number) => void): void;
  publish(publication: Publication): void;
  canary(news: CanaryNews): void;
  /** How many of its agents cannot serve by a canary yet. */
  canaryLaggards(version: number): number;
  trust(trust: Trust): void;
  laggards(trustId: string): Laggards;
  renewed(service: string, instance: string, certificateNotAfterMs: number): void;
  /** @returns what it has of the service then */
  view(service: string, update: RegistryUpdate): HeldRevision | undefined;
  released(service: string, one: Omit<Released, "hub">): void;
  reports(service: string): Reports;
}

/** How many agents have not acknowledged something. */
export interface Laggards {
  readonly live: number;
  readonly away: number;
}

export interface RegistryNode extends DurableNode {
  readonly state: RegistryState;
  report(service: string, hub: string, told: Reports, all: boolean, reply: (later: number | undefined) => void): void;
  subscribe(
    service: string,
    hub: string,
    held: HeldRevision | undefined,
    reply: (update: RegistryUpdate) => void,
  ): void;
  unsubscribe(service: string, hub: string, reply: () => void): void;
  seen(service: string, hub: string, held: HeldRevision, reply: () => void): void;
}

export interface ConfigNode extends DurableNode {
  readonly versions: readonly StoredVersion[];
  readonly live: StoredVersion | undefined;
  /** `open`: the one that runs. */
  readonly canary: { readonly open: CanaryRollout | undefined };
  leases(): Lease[];
  isDeclared(service: string): boolean;
  lease(asked: LeaseAsk, reply: (grant: LeaseGrant) => void): void;
  publication(reply: (told: Told | undefined) => void): void;
}

export interface AuthorityNode extends DurableNode {
  readonly state: AuthorityState;
  readonly tokens: ReadonlyMap<string, JoinTokenState>;
  readonly desk: Pick<JoiningDesk, "key" | "keys">;
  isDenied(who: Workload): boolean;
  challenge(): Challenge;
  readonly issuerNotAfterMs: number;
  readonly currentKey: string;
  trust(): Trust;
  /** @param reply undefined: refused */
  issue(instance: string, proof: Proof, reply: (leaf: Leaf | undefined) => void): void;
  /** Its newest certificate. */
  newestOf(name: string): Leaf | undefined;
}

export interface IsolateNode extends VirtualNode {
  readonly version: number;
  readonly canary: IsolateCanary | undefined;
  readonly key: string;
  /** When it last heard which key it is to sign with, a time of the world. */
  readonly keyHeardAtMs: number;
}
