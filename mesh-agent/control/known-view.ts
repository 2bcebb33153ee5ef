/** What the control plane told last: plan, trust, endpoints and what is revoked, kept on disk so that an agent starts without it. */
import { createHash, X509Certificate } from "node:crypto";
import * as z from "zod/mini";
import {
  indexRevocations,
  noRevocations,
  type RevocationIndex,
  type RevocationList,
} from "../../shared/auth/revocations.ts";
import { GATEWAY_SERVICE } from "../../shared/identity/spiffe-id.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import type { AgentPlan } from "../../shared/plan/plan.ts";
import { type DiscoveryView, keepKnown, newDiscoveryView, replaceView } from "../../shared/policy/discovery-view.ts";
import { type Endpoint, endpointSchema } from "../../shared/wire/endpoint.ts";
import { hopKeySchema } from "../../shared/wire/hop-key.ts";
import type { HubMessage } from "../../shared/wire/hub.ts";
import { revocationListSchema } from "../../shared/wire/revocations.ts";
import { agentPlanSchema } from "./agent-plan-schema.ts";
import type { KnownPlan } from "./known-plan.ts";
import { SecondPlan } from "./second-plan.ts";
import { StateFile } from "./state-file.ts";

const trustSchema = z.object({
  roots: z.array(z.string()),
  txnKeys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })),
  /** Of the ingress alone. */
  hopKeys: z.optional(z.array(hopKeySchema)),
});
export type Trust = z.infer<typeof trustSchema>;

const planFileSchema = z.object({ version: z.int(), hash: z.string(), plan: agentPlanSchema });
const endpointsFileSchema = z.object({
  revision: z.int(),
  services: z.record(z.string(), z.array(endpointSchema)),
});

/** What a message replaced that has to be taken into use. */
export type Changed = "plan" | "trust" | "endpoints";

export class KnownView {
  plan: KnownPlan | undefined;
  trust: Trust | undefined;
  endpoints: DiscoveryView<Endpoint> = newDiscoveryView();
  /** A canary; its own plan, or the one before, for a while after its end. */
  readonly second: SecondPlan;
  /** Looked up by each request; told to agents that face the outside alone. */
  revocations: RevocationIndex = noRevocations;
  #knowsEndpoints = false;
  #fresh = false;
  /** What the control plane said last in this run, as it said it. */
  #told: DiscoveryView<Endpoint>["services"] | undefined;
  /** What was in use when the connection came back, until the view has settled. */
  #before: DiscoveryView<Endpoint>["services"] | undefined;
  readonly #whose: Pick<AgentPlan, "service" | "trustDomain">;
  readonly #planFile: StateFile<KnownPlan>;
  readonly #secondFile: StateFile<KnownPlan>;
  readonly #trustFile: StateFile<Trust>;
  readonly #endpointsFile: StateFile<z.infer<typeof endpointsFileSchema>>;
  readonly #revocationsFile: StateFile<RevocationList>;
  readonly #onTrouble: (message: string) => void;

  /**
   * @param whose what a plan must be for
   * @param onTrouble told when a file cannot be read or written; the agent goes on with what it has in memory
   * @param onDropped a second plan is not held any more
   */
  constructor(
    folder: string,
    whose: Pick<AgentPlan, "service" | "trustDomain">,
    onTrouble: (message: string) => void,
    onDropped: () => void = () => {},
  ) {
    this.#whose = whose;
    this.#onTrouble = onTrouble;
    this.#planFile = new StateFile<KnownPlan>(folder, "plan.json", (value) => planFileSchema.parse(value));
    const file = new StateFile<KnownPlan>(folder, "canary.json", (value) => planFileSchema.parse(value));
    this.second = new SecondPlan({ file, onDropped, onTrouble });
    this.#secondFile = file;
    this.#trustFile = new StateFile<Trust>(folder, "trust.json", (value) => trustSchema.parse(value));
    this.#endpointsFile = new StateFile(folder, "endpoints.json", (value) => endpointsFileSchema.parse(value));
    this.#revocationsFile = new StateFile(folder, "revocations.json", (value) => revocationListSchema.parse(value));
  }

  /** All three are there, at the ingress with the keys that it checks the gateway by: listeners may open (law 9). */
  get complete(): boolean {
    const canProve = this.#whose.service !== GATEWAY_SERVICE || (this.trust?.hopKeys ?? []).length > 0;
    return this.plan !== undefined && this.trust !== undefined && canProve && this.#knowsEndpoints;
  }

  /** Reads what the last run left; a broken file counts as none, and all of it as none when it was of another identity. */
  load(): void {
    const plan = this.#tolerate(() => this.#planFile.load());
    if (plan !== undefined && this.#misfit(plan.plan) !== undefined) {
      this.forget();
      return;
    }
    this.plan = plan;
    const second = this.#tolerate(() => this.#secondFile.load());
    const isOther = second?.version !== plan?.version;
    if (second !== undefined && isOther && this.#misfit(second.plan) === undefined) this.second.restore(second);
    this.trust = this.#tolerate(() => this.#trustFile.load());
    const revocations = this.#tolerate(() => this.#revocationsFile.load());
    if (revocations !== undefined) this.revocations = indexRevocations(revocations);
    const endpoints = this.#tolerate(() => this.#endpointsFile.load());
    if (endpoints === undefined) return;
    replaceView(this.endpoints, endpoints.revision, endpoints.services, true);
    this.#knowsEndpoints = true;
  }

  /** Of another identity: nothing of it may be used. */
  forget(): void {
    for (const file of [this.#planFile, this.#secondFile, this.#trustFile, this.#endpointsFile, this.#revocationsFile])
      file.remove();
  }

  /** A new connection: its first view counts whatever its revision, and takes nothing away before `settle`. */
  connected(): void {
    this.#fresh = true;
    if (this.#told !== undefined) this.#before = this.endpoints.services;
  }

  /**
   * The control plane has had the time to gather its view: from here on it takes away too.
   * @returns whether that changed anything
   */
  settle(): boolean {
    const changed = this.#before !== undefined && !this.#fresh;
    if (changed && this.#told !== undefined) this.#use(this.endpoints.revision, this.#told);
    this.#before = undefined;
    return changed;
  }

  /**
   * Takes a message of the hub.
   * @returns what changed; undefined when it was older than what is known, or is looked up by each request anyway
   * @throws when it cannot be used; the last good one stays
   */
  take(message: HubMessage): Changed | undefined {
    if (message.type === "plan") {
      const plan = this.#checkedPlan(message);
      const before = this.plan;
      this.plan = plan;
      this.#keep(this.#planFile.save(plan));
      if (this.second.plan?.version === plan.version && before !== undefined) this.second.hold(before, true);
      return "plan";
    }
    if (message.type === "canary") {
      this.#takeCanary(message);
      return "plan";
    }
    if (message.type === "trust") {
      this.trust = checkedTrust(message);
      this.#keep(this.#trustFile.save(this.trust));
      return "trust";
    }
    if (message.type === "revocations") {
      const { revision, entries } = message;
      this.revocations = indexRevocations({ revision, entries });
      this.#keep(this.#revocationsFile.save(this.revocations.list));
      return undefined;
    }
    const { revision, services } = message;
    if (!this.#use(revision, this.#before === undefined ? services : keepKnown(services, this.#before)))
      return undefined;
    this.#told = services;
    this.#fresh = false;
    this.#knowsEndpoints = true;
    return "endpoints";
  }

  #takeCanary({ version, hash, plan }: Extract<HubMessage, { type: "canary" }>): void {
    if (plan === undefined || hash === undefined) this.second.release();
    else {
      const known = this.#checkedPlan({ type: "plan", version, hash, plan });
      if (version !== this.plan?.version) this.second.hold(known, false);
    }
  }

  /** @returns false when it is older than what is known */
  #use(revision: number, services: DiscoveryView<Endpoint>["services"]): boolean {
    if (!replaceView(this.endpoints, revision, services, this.#fresh)) return false;
    const copy = Object.fromEntries(Object.entries(services).map(([name, endpoints]) => [name, [...endpoints]]));
    this.#keep(this.#endpointsFile.save({ revision, services: copy }));
    return true;
  }

  #checkedPlan(message: Extract<HubMessage, { type: "plan" }>): KnownPlan {
    const hash = createHash("sha256").update(canonicalJson(message.plan)).digest("hex");
    if (hash !== message.hash) throw new Error("the plan's hash does not fit its content");
    const parsed = agentPlanSchema.safeParse(message.plan);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(`the plan cannot be read: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
    }
    const plan = parsed.data;
    const misfit = this.#misfit(plan);
    if (misfit !== undefined) throw new Error(misfit);
    return { version: message.version, hash, plan };
  }

  #misfit(plan: AgentPlan): string | undefined {
    const { service, trustDomain } = this.#whose;
    if (plan.service !== service) return `the plan is for ${plan.service}, this is ${service}`;
    return plan.trustDomain === trustDomain ? undefined : `the plan is of ${plan.trustDomain}, this is ${trustDomain}`;
  }

  #tolerate<T>(load: () => T | undefined): T | undefined {
    try {
      return load();
    } catch (error) {
      this.#onTrouble((error as Error).message);
      return undefined;
    }
  }

  #keep(saving: Promise<void>): void {
    saving.catch((error: Error) => this.#onTrouble(`the last good view is not on disk: ${error.message}`));
  }
}

function checkedTrust(message: Trust): Trust {
  if (message.roots.length === 0) throw new Error("a trust bundle without roots");
  for (const root of message.roots)
    if (!new X509Certificate(root).ca) throw new Error("the trust bundle holds a certificate that is no authority");
  const { roots, txnKeys, hopKeys } = message;
  return { roots, txnKeys, ...(hopKeys !== undefined && { hopKeys }) };
}
