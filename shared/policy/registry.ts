/**
 * The service registry as a plain state and a step: which instances are known, which of them callers are given, and
 * when silence ends that. The host stores the rows that a step touched and pushes the views that it changed.
 *
 * An endpoint is visible from `ready` on and leaves at once with `draining`. A connection that ends without a goodbye
 * keeps it for a grace, a control plane that was away itself for a whole lease: nobody loses endpoints because the
 * registry restarted.
 */
import type { Refusal } from "./acknowledgement.ts";

export interface InstanceEndpoint {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** One instance; plain and serialisable. Times are milliseconds since the epoch. */
export interface Instance {
  readonly service: string;
  readonly instance: string;
  /** Absent: it only calls. */
  readonly endpoint?: InstanceEndpoint;
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
  /** Version of the plan that it serves by. */
  planVersion: number;
  refused?: Refusal;
  /** The canary that it holds, or why it does not. */
  canary?: { readonly version: number; readonly refused?: string | undefined };
  /** Id of the trust bundle that it has said to use on this connection. */
  trusts?: string;
}

export interface RegistryState {
  /** Of the views; only grows. */
  revision: number;
  /** By `instanceKey`. */
  instances: Record<string, Instance>;
}

export interface RegistrySettings {
  readonly leaseMs: number;
  readonly graceMs: number;
  /** How long an instance that left without a goodbye is remembered. */
  readonly forgetAfterMs: number;
  readonly instancesMax: number;
}

export type RegistryEvent =
  | {
      readonly type: "hello";
      readonly service: string;
      readonly instance: string;
      readonly connection: string;
      readonly endpoint?: InstanceEndpoint | undefined;
      readonly planVersion: number;
      readonly certificateNotAfterMs: number;
    }
  | { readonly type: "ready" | "draining" | "closed"; readonly key: string; readonly connection: string }
  /** A sign of life at `atMs`. */
  | { readonly type: "heard"; readonly key: string; readonly atMs: number }
  /** The connection is not there any more after a sleep or restart of the registry; `closed` may follow. */
  | { readonly type: "lost"; readonly key: string }
  | { readonly type: "acknowledged"; readonly key: string; readonly version: number }
  | { readonly type: "refused"; readonly key: string; readonly version: number; readonly reason: string }
  | { readonly type: "trusts"; readonly key: string; readonly id: string }
  | {
      readonly type: "canary";
      readonly key: string;
      readonly version: number;
      readonly refused?: string | undefined;
    }
  | { readonly type: "renewed"; readonly key: string; readonly certificateNotAfterMs: number }
  /** A new plan: views may have another extent. */
  | { readonly type: "published" }
  | { readonly type: "tick" };

export interface RegistryVerdict {
  /** Keys of rows to store. */
  readonly touched: string[];
  /** Keys of rows to delete. */
  readonly removed: string[];
  /** Services whose visible endpoints changed. */
  readonly services: string[];
  /** Connections that were silent for too long and are to be cut. */
  readonly silent: string[];
  /** Nothing was changed because the registry is full. */
  readonly full?: true;
}

export const emptyRegistry = (): RegistryState => ({ revision: 0, instances: {} });

/** Instances of two services are apart even under one name, so that no service can take another's. */
export function instanceKey(service: string, instance: string): string {
  return `${service}/${instance}`;
}

/** Applies one event to `state` in place. Events of unknown instances and of replaced connections change nothing. */
export function stepRegistry(
  state: RegistryState,
  event: RegistryEvent,
  nowMs: number,
  settings: RegistrySettings,
): RegistryVerdict {
  const verdict: RegistryVerdict = { touched: [], removed: [], services: [], silent: [] };
  if (event.type === "published") state.revision++;
  else if (event.type === "tick") tick(state, nowMs, settings, verdict);
  else if (event.type === "hello") {
    if (!hello(state, event, nowMs, settings, verdict)) return { ...verdict, full: true };
  } else {
    const known = state.instances[event.key];
    if (known !== undefined) stepInstance(state, known, event, nowMs, settings, verdict);
  }
  if (verdict.services.length > 0) state.revision++;
  return verdict;
}

type HelloEvent = Extract<RegistryEvent, { type: "hello" }>;
type InstanceEvent = Exclude<RegistryEvent, { type: "hello" | "published" | "tick" }>;

function hello(
  state: RegistryState,
  event: HelloEvent,
  nowMs: number,
  settings: RegistrySettings,
  verdict: RegistryVerdict,
): boolean {
  const key = instanceKey(event.service, event.instance);
  const before = state.instances[key];
  if (before === undefined && Object.keys(state.instances).length >= settings.instancesMax) return false;
  const stays = before?.visible === true && sameEndpoint(before.endpoint, event.endpoint);
  state.instances[key] = {
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
    ...(before?.refused === undefined ? {} : { refused: before.refused }),
  };
  verdict.touched.push(key);
  if (before?.visible === true && !stays) verdict.services.push(event.service);
  return true;
}

function stepInstance(
  state: RegistryState,
  known: Instance,
  event: InstanceEvent,
  nowMs: number,
  settings: RegistrySettings,
  verdict: RegistryVerdict,
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
      show(known, known.endpoint !== undefined, verdict);
      break;
    case "draining":
      known.phase = "draining";
      show(known, false, verdict);
      break;
    case "closed":
      if (known.phase === "draining") {
        delete state.instances[event.key];
        verdict.removed.push(event.key);
        return;
      }
      if (known.connected) known.lastHeardMs = nowMs;
      disconnect(known, nowMs + settings.graceMs);
      break;
    case "lost":
      disconnect(known, nowMs + settings.leaseMs);
      break;
    case "acknowledged":
      known.planVersion = event.version;
      delete known.refused;
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

function tick(state: RegistryState, nowMs: number, settings: RegistrySettings, verdict: RegistryVerdict): void {
  for (const [key, known] of Object.entries(state.instances)) {
    const services = verdict.services.length;
    const silent = nowMs >= known.leaseEndsAtMs;
    if (silent && known.connected) {
      verdict.silent.push(known.connection);
      disconnect(known, nowMs);
      verdict.touched.push(key);
    }
    if (silent || (known.confirmByMs !== 0 && nowMs >= known.confirmByMs)) {
      known.confirmByMs = 0;
      show(known, false, verdict);
    }
    if (!known.connected && nowMs >= known.lastHeardMs + settings.forgetAfterMs && !known.visible) {
      delete state.instances[key];
      verdict.removed.push(key);
    } else if (verdict.services.length > services && !verdict.touched.includes(key)) verdict.touched.push(key);
  }
}

/** Instances that are remembered, and do not use that trust bundle: those that are away count until they are forgotten. */
export function laggardsOf(state: RegistryState, trustId: string): Instance[] {
  return Object.values(state.instances).filter(({ trusts }) => trusts !== trustId);
}

/** Instances that are connected and do not have a canary's version. @param knows whether it has a face for a service */
export function canaryLaggardsOf(
  state: RegistryState,
  version: number,
  knows: (service: string) => boolean,
): Instance[] {
  return Object.values(state.instances).filter(
    ({ connected, service, canary }) =>
      connected && knows(service) && (canary?.version !== version || canary.refused !== undefined),
  );
}

/** When a `tick` can next change something about an instance; milliseconds since the epoch. */
export function dueAt(known: Instance, settings: RegistrySettings): number {
  const leaves = known.connected || known.visible;
  const atMs = leaves ? known.leaseEndsAtMs : known.lastHeardMs + settings.forgetAfterMs;
  return known.confirmByMs === 0 ? atMs : Math.min(atMs, known.confirmByMs);
}

/** What a caller is given: every named service, those without endpoints too, each in the order of instance names. */
export function endpointView(
  state: RegistryState,
  services: Iterable<string>,
): Record<string, readonly InstanceEndpoint[]> {
  const view = new Map<string, InstanceEndpoint[]>();
  for (const service of services) view.set(service, []);
  for (const known of Object.values(state.instances))
    if (known.visible && known.endpoint !== undefined) view.get(known.service)?.push(known.endpoint);
  for (const endpoints of view.values()) endpoints.sort((a, b) => (a.instance < b.instance ? -1 : 1));
  return Object.fromEntries(view);
}

function hear(known: Instance, atMs: number, settings: RegistrySettings): void {
  if (!known.connected || atMs < known.lastHeardMs) return;
  known.lastHeardMs = atMs;
  known.leaseEndsAtMs = atMs + settings.leaseMs;
}

function disconnect(known: Instance, leaseEndsAtMs: number): void {
  known.connected = false;
  known.leaseEndsAtMs = leaseEndsAtMs;
  known.confirmByMs = 0;
}

function show(known: Instance, visible: boolean, verdict: RegistryVerdict): void {
  if (known.visible === visible) return;
  known.visible = visible;
  verdict.services.push(known.service);
}

function sameEndpoint(a: InstanceEndpoint | undefined, b: InstanceEndpoint | undefined): boolean {
  if (a === undefined || b === undefined || a.host !== b.host || a.port !== b.port) return false;
  const names = Object.keys(a.labels);
  return names.length === Object.keys(b.labels).length && names.every((name) => a.labels[name] === b.labels[name]);
}
