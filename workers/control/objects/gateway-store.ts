/** What the config store keeps of gateways: the leases of their isolates, and where these reach the mesh. */
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import type { ToldIngress } from "../../../shared/policy/ingress-callers.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import type { RegistryUpdate } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { Env } from "../env.ts";
import { AccessStore } from "./access-store.ts";
import { gatewayLeaseMs } from "./gateway-lease-ms.ts";
import { IngressDesk } from "./ingress-desk.ts";
import { LeaseStore, leaseHere } from "./lease-store.ts";
import type { VersionRow } from "./version-store.ts";

export class GatewayStore extends AccessStore {
  protected readonly leases: LeaseStore;
  readonly #ingress: IngressDesk;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.leases = new LeaseStore(ctx.storage.sql);
    this.#ingress = new IngressDesk({
      env,
      leases: (nowMs) => this.leases.live(nowMs),
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
  }

  /** Of the registry of the ingress agents; see `HubRpc.view`. */
  async view(service: string, update: RegistryUpdate): Promise<HeldRevision | undefined> {
    return service === GATEWAY_SERVICE ? this.#ingress.take(update) : undefined;
  }

  /** An isolate's lease anew. @param row of the live version */
  protected renewLease(
    asked: LeaseRequest,
    row: VersionRow | undefined,
    nowMs: number,
  ): { readonly lease: Lease; readonly ingress?: ToldIngress } {
    const ingress = this.#ingress.tell(asked.ingress, nowMs);
    const lease = leaseHere(asked, row, nowMs, gatewayLeaseMs(this.env));
    // Who holds none yet goes by nothing older than what it is told now.
    const held = asked.ingress ?? (ingress && { epoch: ingress.epoch, revision: ingress.revision });
    this.leases.put({ ...lease, ...(held && { ingress: held }) }, nowMs);
    this.#ingress.look(nowMs);
    return { lease, ...(ingress && { ingress }) };
  }
}
