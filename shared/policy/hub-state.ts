/** What a hub holds, what it hears and what it says; how it decides is in `hub.ts`. */
import {
  emptySessions,
  type Instance,
  type SessionEvent,
  type SessionSettings,
  type SessionsState,
  type SessionsVerdict,
} from "./agent-sessions.ts";
import type { ViewEndpoint } from "./endpoint.ts";
import type { RegistryUpdate } from "./registry.ts";
import { type HeldRevision, newServiceView, type ServiceView, type ViewChange } from "./service-view.ts";

/** The view of a service that agents of this hub may call. */
export interface HubView {
  readonly view: ServiceView;
  /** Revision that callers are to acknowledge; 0: none was ever. */
  wanted: number;
  /** Wanted revision that the registry was told to have been acknowledged. */
  confirmed: number;
  /** What callers acknowledged, by key; in memory alone. */
  readonly seen: Map<string, number>;
  /** Key of a caller that had not acknowledged, to look at first. */
  waitsFor?: string | undefined;
  /** Nobody called it any more, and its registry was told or not: whoever calls it again needs it anew. */
  left?: true | undefined;
  /** Agents that wait for the first view, by connection, with what they hold; in memory alone. */
  readonly awaiting: Map<string, HeldRevision | undefined>;
}

/** A report that its registry has not taken yet. */
export interface Owed {
  readonly service: string;
  readonly instance: string;
  /** Number of this change, so that the answer to an earlier report is not taken for that to a later one. */
  readonly change: number;
}

export interface HubState {
  readonly sessions: SessionsState;
  /** Which services those of a service may call, by the live plan or a canary. */
  readonly callable: Map<string, readonly string[]>;
  /** By service. */
  readonly views: Map<string, HubView>;
  /** By key of the instance. */
  readonly owed: Map<string, Owed>;
  /** Of whole views, for agents that take no changes; only grows, also over restarts: it is a time. */
  revision: number;
  /** Number of the last change or batch of reports, likewise. */
  batch: number;
}

export interface HubSettings extends SessionSettings {
  readonly marksMax: number;
}

type Hello = Extract<SessionEvent, { type: "hello" }>;
/** What an agent says it holds. */
export interface NamedRevision extends HeldRevision {
  readonly service: string;
}

export type HubEvent =
  | Exclude<SessionEvent, { type: "hello" }>
  /** Absent `views`: it takes whole views. */
  | (Hello & { readonly views?: readonly NamedRevision[] | undefined })
  | {
      readonly type: "seen" | "resync";
      readonly key: string;
      readonly connection: string;
      readonly views: readonly NamedRevision[];
    }
  /** A new live plan, or a canary begins or ends. */
  | { readonly type: "published"; readonly callable: ReadonlyMap<string, readonly string[]> }
  /** Of a registry, asked for or by itself. */
  | ({ readonly type: "view"; readonly service: string } & RegistryUpdate)
  | { readonly type: "reported"; readonly reported: readonly Owed[] }
  /** The registry has taken a later batch than the one that it was sent. */
  | { readonly type: "late"; readonly batch: number }
  | { readonly type: "confirmed"; readonly service: string; readonly revision: number }
  /** An instance that drains need not wait any more. */
  | { readonly type: "released"; readonly service: string; readonly instance: string; readonly connection: string }
  /** No agent may call it any more: its registry is about to be told. */
  | { readonly type: "leaving"; readonly service: string }
  /** The registry knows. */
  | { readonly type: "unsubscribed"; readonly service: string }
  /** All agents are to renew that have not done so by this id. */
  | { readonly type: "renew"; readonly id: string; readonly withinMs: number }
  /** One agent is to leave, if it is connected and does not yet. */
  | { readonly type: "drain"; readonly key: string }
  /** What the callers of a service should use less. */
  | {
      readonly type: "advised";
      readonly service: string;
      readonly avoid: readonly string[];
      readonly forMs: number;
    }
  /** The hub slept: what was in memory alone is lost. */
  | { readonly type: "woken" };

/** Part of the message `changes`. `ack`: the agent is to answer with `seen`. */
export interface ChangePush extends ViewChange {
  readonly service: string;
  readonly ack?: true | undefined;
}

export type HubPush =
  | { readonly type: "changes"; readonly views: readonly ChangePush[] }
  | {
      readonly type: "endpoints";
      readonly revision: number;
      readonly services: Readonly<Record<string, readonly ViewEndpoint[]>>;
    }
  | { readonly type: "drained" }
  | { readonly type: "drain" }
  | { readonly type: "renew"; readonly id: string; readonly withinMs: number }
  | { readonly type: "advice"; readonly service: string; readonly avoid: readonly string[]; readonly forMs: number };

export interface HubVerdict extends SessionsVerdict {
  /** To these connections. */
  readonly sends: { readonly to: readonly string[]; readonly message: HubPush }[];
  /** Views to store or delete, with the instances whose entries changed. */
  readonly views: Map<string, readonly string[]>;
  /** Keys of `owed` to store or delete. */
  readonly owed: Set<string>;
  /** Services whose view lacks something between: to be subscribed anew. */
  readonly gaps: string[];
}

export const newHub = (): HubState => ({
  sessions: emptySessions(),
  callable: new Map(),
  views: new Map(),
  owed: new Map(),
  revision: 0,
  batch: 0,
});

export const newHubView = (
  view: ServiceView = newServiceView(),
  wanted = 0,
  confirmed = 0,
  left?: true | undefined,
): HubView => ({
  view,
  wanted,
  confirmed,
  ...(left === true && { left }),
  seen: new Map(),
  awaiting: new Map(),
});

/** Keys and instances of those that may call a service, also of those that are away. */
export function callersOf(state: HubState, service: string): [string, Instance][] {
  return Object.entries(state.sessions.instances).filter(([, known]) =>
    state.callable.get(known.service)?.includes(service),
  );
}

/** A number that only grows, also over restarts that forget it. */
export const laterThan = (number: number, nowMs: number): number => Math.max(number + 1, nowMs);
