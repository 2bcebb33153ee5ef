/**
 * One hub: its agents, the views of the services that these may call, what it owes to registries, and who gets which message.
 *
 * Each greeted agent that takes changes is sent all that happens to the services that it may call, so it holds what the hub
 * holds, once the messages before have arrived: nothing is noted for each agent. Only when somebody who drains waits for it,
 * agents are asked to acknowledge; that a revision is wanted is stored, what was acknowledged is not: after a sleep they are
 * asked again.
 *
 * A host drives it so: what sockets, registries, the config store and the alarm bring is one `stepHub` each. Of the verdict it
 * stores what was touched and then sends `sends`, in order. After each step it owes, to registries, with time limits and not
 * twice at a time for one service:
 * - (`hub-duties.ts`) for each of `unsubscribed` and `verdict.gaps` a `subscribe` with what it holds; the answer is a `view`;
 * - for each of `owedServices` a `report` with `reportsOf`; the answer is a `reported`;
 * - for each of `confirmable` a `seen`; the answer is a `confirmed`;
 * - now and then for each of `unneeded` a `leaving`, then an `unsubscribe`; the answer is an `unsubscribed`.
 * What fails is tried again with the alarm.
 */
import { type Instance, instanceKey, type SessionEvent, stepSessions } from "./agent-sessions.ts";
import {
  type ChangePush,
  callersOf,
  type HubEvent,
  type HubSettings,
  type HubState,
  type HubVerdict,
  type HubView,
  laterThan,
  type NamedRevision,
  newHubView,
} from "./hub-state.ts";
import { changeSince, endpointsOf, forgetMarks, type HeldRevision, takeChange } from "./service-view.ts";

/** Applies one event to `state` in place. */
export function stepHub(state: HubState, event: HubEvent, nowMs: number, settings: HubSettings): HubVerdict {
  const verdict: HubVerdict = {
    ...{ touched: [], removed: [], shown: [], silent: [] },
    ...{ sends: [], views: new Map(), owed: new Set(), gaps: [] },
  };
  switch (event.type) {
    case "seen":
      for (const one of event.views) hearSeen(state, event, one);
      break;
    case "resync":
      if (isCurrent(state, event)) sendViews(state, event.key, event.views, verdict);
      break;
    case "published":
      publish(state, event.callable, nowMs, verdict);
      break;
    case "view":
      takeView(state, event, nowMs, settings, verdict);
      break;
    case "released": {
      const known = state.sessions.instances[instanceKey(event.service, event.instance)];
      if (known?.phase === "draining" && known.connected && known.connection === event.connection)
        verdict.sends.push({ to: [known.connection], message: { type: "drained" } });
      break;
    }
    case "renew": {
      const lacking = connected(state).filter(({ renewal }) => renewal !== event.id);
      if (lacking.length > 0) verdict.sends.push({ to: lacking.map(({ connection }) => connection), message: event });
      break;
    }
    case "drain": {
      const known = state.sessions.instances[event.key];
      if (known?.connected === true && known.phase !== "draining")
        verdict.sends.push({ to: [known.connection], message: { type: "drain" } });
      break;
    }
    case "advised": {
      const callers = callersOf(state, event.service).filter(([, { connected }]) => connected);
      const to = callers.map(([, { connection }]) => connection);
      if (to.length > 0) verdict.sends.push({ to, message: { ...event, type: "advice" } });
      break;
    }
    case "woken":
      for (const service of state.views.keys()) askAll(state, service, verdict);
      break;
    case "reported":
    case "late":
    case "confirmed":
    case "leaving":
    case "unsubscribed":
      hearRegistry(state, event, verdict);
      break;
    default:
      return stepAgents(state, event, nowMs, settings, verdict);
  }
  return verdict;
}

function stepAgents(
  state: HubState,
  event: Extract<HubEvent, SessionEvent>,
  nowMs: number,
  settings: HubSettings,
  verdict: HubVerdict,
): HubVerdict {
  const said = stepSessions(state.sessions, event, nowMs, settings);
  const whole: HubVerdict = { ...verdict, ...said };
  for (const key of said.shown) owe(state, key, whole);
  if (event.type === "hello" && said.full === undefined) greet(state, event, whole);
  return whole;
}

function greet(state: HubState, event: Extract<HubEvent, { type: "hello" }>, verdict: HubVerdict): void {
  const key = instanceKey(event.service, event.instance);
  const callable = state.callable.get(event.service);
  if (callable === undefined) return;
  if (event.takesChanges !== true) {
    need(state, callable, verdict);
    sendWhole(state, [key], verdict);
    return;
  }
  const held = new Map((event.views ?? []).map((one) => [one.service, one]));
  for (const one of held.values()) hearSeen(state, { key, connection: event.connection }, one);
  const wanted = callable.map((service) => ({ service, ...(held.get(service) ?? NOTHING) }));
  sendViews(state, key, wanted, verdict);
}

const NOTHING: HeldRevision = { epoch: "", revision: 0 };

/** One message with what an agent lacks of some services; those of which nothing is known yet follow by themselves. */
function sendViews(state: HubState, key: string, wanted: readonly NamedRevision[], verdict: HubVerdict): void {
  const known = state.sessions.instances[key];
  if (known === undefined) return;
  const callable = state.callable.get(known.service) ?? [];
  const views: ChangePush[] = [];
  const allowed = wanted.filter(({ service }) => callable.includes(service));
  need(
    state,
    allowed.map(({ service }) => service),
    verdict,
  );
  for (const { service, ...held } of allowed) {
    const kept = state.views.get(service);
    if (kept === undefined) continue;
    if (kept.view.epoch === "") kept.awaiting.set(known.connection, held);
    else views.push(push(service, kept, held));
  }
  verdict.sends.push({ to: [known.connection], message: { type: "changes", views } });
}

function push(service: string, { view, wanted, confirmed }: HubView, held: HeldRevision | undefined): ChangePush {
  return { service, ...changeSince(view, held), ...(wanted > confirmed && { ack: true }) };
}

/** Sees to it that there are views of these services. */
function need(state: HubState, services: readonly string[], verdict: HubVerdict): void {
  for (const service of services) {
    const kept = state.views.get(service);
    if (kept !== undefined && kept.left !== true) continue;
    // One that was left may have missed something since.
    verdict.views.set(service, [...(kept?.view.entries.keys() ?? [])]);
    state.views.set(service, newHubView());
  }
}

/** For agents of one service that take no changes, once all is known. */
function sendWhole(state: HubState, keys: readonly string[], verdict: HubVerdict): void {
  const known = keys.flatMap((key) => state.sessions.instances[key] ?? []);
  const callable = state.callable.get(known[0]?.service ?? "");
  if (callable === undefined) return;
  const views = callable.map((service) => [service, state.views.get(service)] as const);
  if (views.some(([, kept]) => kept === undefined || kept.view.epoch === "")) return;
  const services = Object.fromEntries(
    views.map(([service, kept]) => [service, kept === undefined ? [] : endpointsOf(kept.view)]),
  );
  const message = { type: "endpoints", revision: state.revision, services } as const;
  verdict.sends.push({ to: known.map(({ connection }) => connection), message });
}

function publish(
  state: HubState,
  callable: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
  verdict: HubVerdict,
): void {
  const before = new Map(state.callable);
  state.callable.clear();
  for (const [service, names] of callable) state.callable.set(service, names);
  state.revision = laterThan(state.revision, nowMs);
  for (const [service, group] of byService(connected(state))) {
    const names = callable.get(service);
    if (names === undefined) continue;
    const [taking, others] = [group.filter(takesChanges), group.filter((one) => !takesChanges(one))];
    const had = before.get(service);
    const fresh = had === undefined ? names : names.filter((name) => !had.includes(name));
    need(state, names, verdict);
    if (others.length > 0) sendWhole(state, others.map(keyOf), verdict);
    if (taking.length === 0 || (had !== undefined && fresh.length === 0)) continue;
    const to = taking.map(({ connection }) => connection);
    const views: ChangePush[] = [];
    for (const name of fresh) {
      const kept = state.views.get(name);
      if (kept === undefined) continue;
      if (kept.view.epoch === "") for (const connection of to) kept.awaiting.set(connection, undefined);
      else views.push(push(name, kept, undefined));
    }
    verdict.sends.push({ to, message: { type: "changes", views } });
  }
}

function takeView(
  state: HubState,
  { service, change, wanted }: Extract<HubEvent, { type: "view" }>,
  nowMs: number,
  settings: HubSettings,
  verdict: HubVerdict,
): void {
  const kept = state.views.get(service);
  // Nobody calls it any more; the registry will be told.
  if (kept === undefined) return;
  const { view } = kept;
  const before: HeldRevision = { epoch: view.epoch, revision: view.revision };
  const touched: string[] = [];
  const taken = takeChange(view, change, touched);
  if (taken === "gap") {
    verdict.gaps.push(service);
    return;
  }
  if (view.epoch !== before.epoch) kept.wanted = kept.confirmed = 0;
  // Asked again for what was confirmed: the answer was lost.
  if (wanted > 0 && wanted <= kept.confirmed) kept.confirmed = 0;
  const isAsked = wanted > kept.wanted || (wanted > 0 && kept.confirmed === 0);
  kept.wanted = Math.max(kept.wanted, wanted);
  touched.push(...forgetMarks(view, settings.marksMax));
  verdict.views.set(service, touched);
  if (taken === "known" && !isAsked) return;
  state.revision = laterThan(state.revision, nowMs);
  tellCallers(state, service, kept, before, verdict);
  kept.awaiting.clear();
}

/** What a view became since `before`. */
function tellCallers(state: HubState, service: string, kept: HubView, before: HeldRevision, verdict: HubVerdict): void {
  const callers = callersOf(state, service).flatMap(([, known]) => (known.connected ? [known] : []));
  const taking = callers.filter((one) => takesChanges(one) && !kept.awaiting.has(one.connection));
  const sends: [string[], HeldRevision | undefined][] = [[taking.map(({ connection }) => connection), before]];
  for (const [connection, held] of kept.awaiting) sends.push([[connection], held]);
  for (const [to, held] of sends)
    if (to.length > 0) verdict.sends.push({ to, message: { type: "changes", views: [push(service, kept, held)] } });
  if (kept.view.revision === before.revision && kept.view.epoch === before.epoch) return;
  for (const group of byService(callers.filter((one) => !takesChanges(one))).values())
    sendWhole(state, group.map(keyOf), verdict);
}

/** Asks those who call a service to acknowledge what they hold. */
function askAll(state: HubState, service: string, verdict: HubVerdict): void {
  const kept = state.views.get(service);
  if (kept === undefined || kept.wanted <= kept.confirmed) return;
  const to = callersOf(state, service).flatMap(([, one]) =>
    one.connected && takesChanges(one) ? [one.connection] : [],
  );
  if (to.length > 0) verdict.sends.push({ to, message: { type: "changes", views: [push(service, kept, kept.view)] } });
}

function hearSeen(
  state: HubState,
  from: { readonly key: string; readonly connection: string },
  { service, epoch, revision }: NamedRevision,
): void {
  const kept = state.views.get(service);
  if (kept === undefined || kept.wanted <= kept.confirmed || epoch !== kept.view.epoch || !isCurrent(state, from))
    return;
  kept.seen.set(from.key, Math.max(kept.seen.get(from.key) ?? 0, revision));
}

function hearRegistry(
  state: HubState,
  event: Extract<HubEvent, { type: "reported" | "late" | "confirmed" | "leaving" | "unsubscribed" }>,
  verdict: HubVerdict,
): void {
  if (event.type === "late") state.batch = Math.max(state.batch, event.batch);
  else if (event.type === "reported") {
    for (const { service, instance, change } of event.reported) {
      const key = instanceKey(service, instance);
      if (state.owed.get(key)?.change !== change) continue;
      state.owed.delete(key);
      verdict.owed.add(key);
    }
  } else {
    const kept = state.views.get(event.service);
    if (kept === undefined) return;
    verdict.views.set(event.service, []);
    if (event.type === "leaving") kept.left = true;
    else if (event.type === "unsubscribed") {
      if (kept.left === true) state.views.delete(event.service);
    } else {
      kept.confirmed = Math.max(kept.confirmed, event.revision);
      if (kept.wanted <= kept.confirmed) kept.seen.clear();
    }
  }
}

function owe(state: HubState, key: string, verdict: HubVerdict): void {
  const at = key.indexOf("/");
  state.owed.set(key, { service: key.slice(0, at), instance: key.slice(at + 1), change: ++state.batch });
  verdict.owed.add(key);
}

function connected(state: HubState): Instance[] {
  return Object.values(state.sessions.instances).filter((known) => known.connected);
}

function byService(instances: readonly Instance[]): Map<string, Instance[]> {
  return Map.groupBy(instances, ({ service }) => service);
}

const takesChanges = (known: Instance): boolean => known.takesChanges === true;
const keyOf = ({ service, instance }: Instance): string => instanceKey(service, instance);

function isCurrent({ sessions }: HubState, from: { readonly key: string; readonly connection: string }): boolean {
  const known = sessions.instances[from.key];
  return known?.connection === from.connection && known.connected;
}
