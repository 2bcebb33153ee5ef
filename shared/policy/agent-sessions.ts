/**
 * The agents of one hub as a plain state and a step: which are known, which of them callers are to be given, and when silence
 * ends that. The host stores the rows that a step touched and tells the registries of the services of `shown`.
 *
 * An endpoint is visible from `ready` on and leaves at once with `draining`. A connection that ends without a goodbye
 * keeps it for a grace, a control plane that was away itself for a whole lease: nobody loses endpoints because the
 * hub restarted, nor because it is told to come back later (`return-slots.ts`).
 */

import type { Refusal } from "./acknowledgement.ts";
import { sameEndpoint, type ViewEndpoint } from "./endpoint.ts";
import type { GoodUntil } from "./outage-budget.ts";
import { type Returning, type ReturnSettings, returnWaitMs } from "./return-slots.ts";

/** One instance; plain and serialisable. Times are milliseconds since the epoch. */
export interface Instance extends Returning {
  readonly service: string;
  readonly instance: string;
  /** Absent: it only calls. */
  readonly endpoint?: ViewEndpoint;
  phase: "starting" | "ready" | "draining";
  /** Id of its last connection, and whether that is there: what a lost one still has to say counts. */
  readonly connection: string;
  connected: boolean;
  /** Whether callers are given the endpoint. */
  visible: boolean;
  /** Its endpoint is withdrawn then, unless it is heard before. */
  leaseEndsAtMs: number;
  /** It was visible before this connection: withdrawn then, unless `ready` confirms it before. 0: nothing to confirm. */
  confirmByMs: number;
  lastHeardMs: number;
  certificateNotAfterMs: number;
  /** How long it goes on without the control plane, as it says; absent: an earlier agent. */
  outage?: GoodUntil;
  /** Id of the last renewal that it was told to do and did. */
  renewal?: string;
  /** Version of the plan that it serves by. */
  planVersion: number;
  refused?: Refusal;
  /** The canary that it has said to hold on this connection, or why it does not. */
  canary?: { readonly version: number; readonly refused?: string | undefined };
  /** It takes views by change; absent: whole ones. */
  readonly takesChanges?: boolean;
  /** Id of the trust bundle that it has said to use on this connection. */
  trusts?: string;
  /** What it has said of itself on this connection; absent: there is nothing to say. */
  condition?: AgentCondition;
}

export interface AgentCondition {
  readonly missingSecrets: readonly string[];
  readonly sources: readonly SourceCondition[];
}

/** How a source of one service's endpoints does, as in `shared/wire/condition.ts`. */
export interface SourceCondition {
  readonly service: string;
  readonly kind: string;
  readonly endpoints: number;
  readonly refused?: number | undefined;
  readonly empty?: true | undefined;
  readonly error?: string | undefined;
  readonly goodAtMs?: number | undefined;
}

export interface SessionsState {
  /** By `instanceKey`; changed by the functions of this file alone. */
  readonly instances: Record<string, Instance>;
  /** How many there are. */
  size: number;
  /** Of those that come back: the first time that was not given to one; in memory alone. */
  nextReturnAtMs: number;
}

export interface SessionSettings extends ReturnSettings {
  readonly leaseMs: number;
  readonly graceMs: number;
  /** How long an instance that left without a goodbye is remembered. */
  readonly forgetAfterMs: number;
  readonly instancesMax: number;
}

export type SessionEvent =
  | {
      readonly type: "hello";
      readonly service: string;
      readonly instance: string;
      readonly connection: string;
      readonly endpoint?: ViewEndpoint | undefined;
      readonly planVersion: number;
      readonly certificateNotAfterMs: number;
      readonly outage?: GoodUntil | undefined;
      readonly takesChanges?: boolean | undefined;
      readonly trusts?: string | undefined;
    }
  | { readonly type: "ready" | "draining" | "closed"; readonly key: string; readonly connection: string }
  /** A sign of life at `atMs`. */
  | { readonly type: "heard"; readonly key: string; readonly atMs: number }
  /** The connection is not there any more after a sleep or restart of the hub; `closed` may follow. */
  | { readonly type: "lost"; readonly key: string }
  /** It asks to connect. `busy`: the hub can take nobody now. */
  | { readonly type: "returns"; readonly key: string; readonly busy: boolean }
  | { readonly type: "acknowledged"; readonly key: string; readonly version: number }
  | { readonly type: "refused"; readonly key: string; readonly version: number; readonly reason: string }
  | { readonly type: "trusts"; readonly key: string; readonly id: string }
  | {
      readonly type: "canary";
      readonly key: string;
      readonly version: number;
      readonly refused?: string | undefined;
    }
  | {
      readonly type: "standing";
      readonly key: string;
      readonly connection: string;
      readonly outage: GoodUntil;
      readonly renewal?: string | undefined;
    }
  | ({ readonly type: "condition"; readonly key: string; readonly connection: string } & AgentCondition)
  | { readonly type: "renewed"; readonly key: string; readonly certificateNotAfterMs: number }
  | { readonly type: "tick" };

export interface SessionsVerdict {
  /** Keys of rows to store. */
  readonly touched: string[];
  /** Keys of rows to delete. */
  readonly removed: string[];
  /** Keys of those whose endpoints callers are given, or are not given any more. */
  readonly shown: string[];
  /** Connections that were silent for too long and are to be cut. */
  readonly silent: string[];
  /** Nothing was changed because there are too many. */
  readonly full?: true;
  /** One that `returns` is to come after this. */
  waitMs?: number;
}

export const emptySessions = (): SessionsState => ({ instances: {}, size: 0, nextReturnAtMs: 0 });

/** Instances of two services are apart even under one name, so that no service can take another's. */
export function instanceKey(service: string, instance: string): string {
  return `${service}/${instance}`;
}

/** An instance that is known from before. */
export function putSession(state: SessionsState, key: string, known: Instance): void {
  if (state.instances[key] === undefined) state.size++;
  state.instances[key] = known;
}

export function dropSession(state: SessionsState, key: string): void {
  if (state.instances[key] !== undefined) state.size--;
  delete state.instances[key];
}

/** Applies one event to `state` in place. Events of unknown instances and of replaced connections change nothing. */
export function stepSessions(
  state: SessionsState,
  event: SessionEvent,
  nowMs: number,
  settings: SessionSettings,
): SessionsVerdict {
  const verdict: SessionsVerdict = { touched: [], removed: [], shown: [], silent: [] };
  if (event.type === "tick") tick(state, nowMs, settings, verdict);
  else if (event.type === "hello") {
    if (!hello(state, event, nowMs, settings, verdict)) return { ...verdict, full: true };
  } else {
    const known = state.instances[event.key];
    if (known !== undefined) stepInstance(state, known, event, nowMs, settings, verdict);
  }
  return verdict;
}

type HelloEvent = Extract<SessionEvent, { type: "hello" }>;
type InstanceEvent = Exclude<SessionEvent, { type: "hello" | "tick" }>;

function hello(
  state: SessionsState,
  event: HelloEvent,
  nowMs: number,
  settings: SessionSettings,
  verdict: SessionsVerdict,
): boolean {
  const key = instanceKey(event.service, event.instance);
  const before = state.instances[key];
  if (before === undefined && state.size >= settings.instancesMax) return false;
  const stays = before?.visible === true && sameEndpoint(before.endpoint, event.endpoint);
  putSession(state, key, {
    service: event.service,
    instance: event.instance,
    ...(event.endpoint === undefined ? {} : { endpoint: event.endpoint }),
    phase: "starting",
    connection: event.connection,
    connected: true,
    visible: stays,
    leaseEndsAtMs: nowMs + settings.leaseMs,
    confirmByMs: stays ? nowMs + settings.leaseMs : 0,
    lastHeardMs: nowMs,
    certificateNotAfterMs: event.certificateNotAfterMs,
    planVersion: event.planVersion,
    ...(event.outage !== undefined && { outage: event.outage }),
    ...(before?.renewal !== undefined && { renewal: before.renewal }),
    ...(event.takesChanges === true && { takesChanges: true }),
    ...(event.trusts !== undefined && { trusts: event.trusts }),
    ...(before?.refused === undefined ? {} : { refused: before.refused }),
  });
  verdict.touched.push(key);
  if ((before?.visible === true && !stays) || before?.phase === "draining") verdict.shown.push(key);
  return true;
}

function stepInstance(
  state: SessionsState,
  known: Instance,
  event: InstanceEvent,
  nowMs: number,
  settings: SessionSettings,
  verdict: SessionsVerdict,
): void {
  if ("connection" in event && event.connection !== known.connection) return;
  switch (event.type) {
    case "heard":
      hear(known, event.atMs, settings);
      return;
    case "ready":
      if (known.phase === "draining") return;
      known.phase = "ready";
      known.confirmByMs = 0;
      show(event.key, known, known.endpoint !== undefined, verdict);
      break;
    case "draining":
      known.phase = "draining";
      known.visible = false;
      if (known.endpoint !== undefined) verdict.shown.push(event.key);
      break;
    case "closed":
      if (known.phase === "draining") {
        dropSession(state, event.key);
        verdict.removed.push(event.key);
        verdict.shown.push(event.key);
        return;
      }
      if (known.connected) known.lastHeardMs = nowMs;
      disconnect(known, nowMs + settings.graceMs);
      delete known.returnsAtMs;
      break;
    case "lost":
      disconnect(known, nowMs + settings.leaseMs);
      known.returnsAtMs = 0;
      break;
    case "returns":
      if (!isPutOff(state, known, event.busy, nowMs, settings, verdict)) return;
      break;
    case "acknowledged":
      known.planVersion = event.version;
      // What it said of a version before says nothing of a later one that it cannot have.
      if (known.refused !== undefined && known.refused.version <= event.version) delete known.refused;
      break;
    case "refused":
      known.refused = { version: event.version, reason: event.reason };
      break;
    case "canary":
      known.canary = { version: event.version, ...(event.refused !== undefined && { refused: event.refused }) };
      break;
    case "trusts":
      known.trusts = event.id;
      break;
    case "standing":
      known.outage = event.outage;
      if (event.renewal !== undefined) known.renewal = event.renewal;
      break;
    case "condition":
      known.condition = { missingSecrets: event.missingSecrets, sources: event.sources };
      break;
    case "renewed":
      known.certificateNotAfterMs = event.certificateNotAfterMs;
      break;
  }
  if ("connection" in event && event.type !== "closed") {
    known.connected = true;
    hear(known, nowMs, settings);
  }
  verdict.touched.push(event.key);
}

/** Whoever is put off is alive: what callers know of it stays until it had the time to come. */
function isPutOff(
  state: SessionsState,
  known: Instance,
  busy: boolean,
  nowMs: number,
  settings: SessionSettings,
  verdict: SessionsVerdict,
): boolean {
  if (known.connected) return false;
  // Somebody waits for one that drains.
  const waitMs = known.phase === "draining" ? 0 : returnWaitMs(state, known, state.size, nowMs, settings);
  if (waitMs === 0 && !busy) return false;
  if (waitMs > 0) verdict.waitMs = waitMs;
  disconnect(known, nowMs + settings.leaseMs);
  return true;
}

function tick(state: SessionsState, nowMs: number, settings: SessionSettings, verdict: SessionsVerdict): void {
  for (const [key, known] of Object.entries(state.instances)) {
    const shown = verdict.shown.length;
    const silent = nowMs >= known.leaseEndsAtMs;
    if (silent && known.connected) {
      verdict.silent.push(known.connection);
      disconnect(known, nowMs);
      verdict.touched.push(key);
    }
    if (silent || (known.confirmByMs !== 0 && nowMs >= known.confirmByMs)) {
      known.confirmByMs = 0;
      show(key, known, false, verdict);
    }
    if (silent && known.phase === "draining") {
      dropSession(state, key);
      verdict.removed.push(key);
      verdict.shown.push(key);
    } else if (!known.connected && nowMs >= known.lastHeardMs + settings.forgetAfterMs && !known.visible) {
      dropSession(state, key);
      verdict.removed.push(key);
    } else if (verdict.shown.length > shown && !verdict.touched.includes(key)) verdict.touched.push(key);
  }
}

/** Instances that are remembered, and do not use that trust bundle: those that are away count until they are forgotten. */
export function laggardsOf(state: SessionsState, trustId: string): Instance[] {
  return Object.values(state.instances).filter(({ trusts }) => trusts !== trustId);
}

/** When a `tick` can next change something about an instance; milliseconds since the epoch. */
export function dueAt(known: Instance, settings: SessionSettings): number {
  const leaves = known.connected || known.visible || known.phase === "draining";
  const atMs = leaves ? known.leaseEndsAtMs : known.lastHeardMs + settings.forgetAfterMs;
  return known.confirmByMs === 0 ? atMs : Math.min(atMs, known.confirmByMs);
}

function hear(known: Instance, atMs: number, settings: SessionSettings): void {
  if (!known.connected || atMs < known.lastHeardMs) return;
  known.lastHeardMs = atMs;
  known.leaseEndsAtMs = atMs + settings.leaseMs;
}

function disconnect(known: Instance, leaseEndsAtMs: number): void {
  known.connected = false;
  known.leaseEndsAtMs = leaseEndsAtMs;
  known.confirmByMs = 0;
}

function show(key: string, known: Instance, visible: boolean, verdict: SessionsVerdict): void {
  if (known.visible === visible) return;
  known.visible = visible;
  verdict.shown.push(key);
}
