/**
 * Tells gateways where the mesh's ingress agents are, and the registry of these that all gateways know it: towards that it is one
 * more hub. What it holds is a copy, which an eviction may cost.
 */
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import {
  confirmableIngress,
  ingressFor,
  isIngressWanted,
  newIngressCallers,
  type ToldIngress,
  takeIngress,
} from "../../../shared/policy/ingress-callers.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import type { RegistryUpdate } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { Env } from "../env.ts";
import { GATEWAYS } from "../upstream/hubs.ts";
import { within } from "../upstream/within.ts";

const { hubSyncMs, objectCallMs, owedRetryMs, gatewayLeaseSlackMs } = limits.control;

export interface IngressOptions {
  readonly env: Env;
  readonly leases: (nowMs: number) => readonly Lease[];
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

export class IngressDesk {
  readonly #options: IngressOptions;
  readonly #state = newIngressCallers();
  /** Not before this is the registry asked for everything again, milliseconds since the epoch. */
  #askAtMs = 0;
  #isConfirming = false;

  constructor(options: IngressOptions) {
    this.#options = options;
  }

  /** What an isolate is told that holds `held`. A lease waits for nothing: what is not known yet comes with the next one. */
  tell(held: HeldRevision | undefined, nowMs: number): ToldIngress | undefined {
    if (nowMs >= this.#askAtMs) this.#ask(nowMs);
    return ingressFor(this.#state, held);
  }

  /** Somebody said what it holds, or its lease has ended. */
  look(nowMs: number): void {
    if (this.#isConfirming || !isIngressWanted(this.#state)) return;
    const held = confirmableIngress(this.#state, this.#options.leases(nowMs));
    if (held === undefined) return;
    this.#isConfirming = true;
    this.#run("seen", async () => {
      try {
        await within(this.#registry.seen(GATEWAY_SERVICE, GATEWAYS, held), objectCallMs, "seen");
        if (this.#state.view.epoch === held.epoch)
          this.#state.confirmed = Math.max(this.#state.confirmed, held.revision);
      } finally {
        this.#isConfirming = false;
      }
      this.look(Date.now());
    });
  }

  /** Of the registry. @returns what is held after it */
  take(update: RegistryUpdate): HeldRevision {
    const nowMs = Date.now();
    if (takeIngress(this.#state, update) === "gap") this.#ask(nowMs);
    if (isIngressWanted(this.#state)) {
      this.look(nowMs);
      // Isolates that are not there any more hold up nothing.
      this.#run("look", async () => {
        await scheduler.wait(limits.gateway.planLeaseMs + gatewayLeaseSlackMs);
        this.look(Date.now());
      });
    }
    const { epoch, revision } = this.#state.view;
    return { epoch, revision };
  }

  #ask(nowMs: number): void {
    this.#askAtMs = nowMs + owedRetryMs;
    const { epoch, revision } = this.#state.view;
    const held = epoch === "" ? undefined : { epoch, revision };
    this.#run("subscribe", async () => {
      const asked = this.#registry.subscribe(GATEWAY_SERVICE, GATEWAYS, held);
      const update = await within(asked, objectCallMs, "subscribe");
      this.#askAtMs = Date.now() + hubSyncMs;
      this.take(update);
    });
  }

  get #registry() {
    return this.#options.env.REGISTRY.getByName(GATEWAY_SERVICE);
  }

  #run(act: string, work: () => Promise<void>): void {
    this.#options.waitUntil(
      work().catch((error) =>
        console.warn(JSON.stringify({ kind: "error", act, service: GATEWAY_SERVICE, reason: String(error) })),
      ),
    );
  }
}
