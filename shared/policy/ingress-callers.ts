/**
 * What gateways know of the mesh's ingress agents, and whether all of them know it: the config store holds the view of the
 * service `gateway` as a hub holds those of its agents' services, tells it to isolates with their leases, and confirms a
 * revision to the registry once no isolate goes by an older one. What is held may be lost: the registry tells it again.
 */
import type { Lease } from "./lease.ts";
import type { RegistryUpdate } from "./registry.ts";
import {
  endpointsOf,
  type HeldRevision,
  newServiceView,
  type ServiceView,
  type Taken,
  takeChange,
} from "./service-view.ts";

export interface IngressCallers {
  readonly view: ServiceView;
  /** Revision that is to be confirmed; 0: none. */
  wanted: number;
  /** The last one that the registry took. */
  confirmed: number;
}

/** What an isolate is told: where the ingress agents are, as `HOST:PORT`, in the order of their instances. */
export interface ToldIngress extends HeldRevision {
  readonly addresses: string[];
}

export const newIngressCallers = (): IngressCallers => ({ view: newServiceView(), wanted: 0, confirmed: 0 });

/** Takes what the registry tells, in place. @returns `gap`: it is to be asked for everything */
export function takeIngress(state: IngressCallers, { change, wanted }: RegistryUpdate): Taken {
  const { epoch } = state.view;
  const taken = takeChange(state.view, change);
  if (taken === "gap") return taken;
  if (state.view.epoch !== epoch) state.wanted = state.confirmed = 0;
  state.wanted = Math.max(state.wanted, wanted);
  return taken;
}

/**
 * What an isolate is told that holds `held`.
 * @returns undefined: it holds this already, nothing is known here, or no ingress agent has ever said where it is
 */
export function ingressFor({ view }: IngressCallers, held: HeldRevision | undefined): ToldIngress | undefined {
  const { epoch, revision } = view;
  if (epoch === "" || (held?.epoch === epoch && held.revision >= revision)) return undefined;
  const addresses = endpointsOf(view).flatMap(({ host, port }) => ingressAddress(host, port) ?? []);
  return held === undefined && addresses.length === 0 ? undefined : { epoch, revision, addresses };
}

/**
 * The revision that the registry may be told: it is wanted, held here, and no live lease is of an isolate that goes by an older
 * one. Isolates without any go by the fixed address, and nobody waits for them.
 */
export function confirmableIngress(state: IngressCallers, live: readonly Lease[]): HeldRevision | undefined {
  const { view, wanted } = state;
  if (!isIngressWanted(state) || view.revision < wanted) return undefined;
  const { epoch } = view;
  const isBehind = ({ ingress }: Lease): boolean =>
    ingress !== undefined && (ingress.epoch !== epoch || ingress.revision < wanted);
  return live.some(isBehind) ? undefined : { epoch, revision: wanted };
}

/** Whether somebody who leaves waits for isolates. */
export function isIngressWanted({ wanted, confirmed }: IngressCallers): boolean {
  return wanted > confirmed;
}

/** @returns undefined: no name or address of a host that could stand in a URL */
export function ingressAddress(host: string, port: number): string | undefined {
  if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host)) return `${host}:${port}`;
  return /^[0-9A-Fa-f:.]+$/.test(host) && host.includes(":") ? `[${host}]:${port}` : undefined;
}
