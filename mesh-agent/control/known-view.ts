/** What the control plane told last: plan, trust, endpoints and what is revoked, kept on disk so that an agent starts without it. */
import { createHash, X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod/mini";
import {
  indexRevocations,
  noRevocations,
  type RevocationIndex,
  type RevocationList,
} from "../../shared/auth/revocations.ts";
import { GATEWAY_SERVICE, isTrustDomain } from "../../shared/identity/spiffe-id.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import type { AgentPlan } from "../../shared/plan/plan.ts";
import { watchedBy } from "../../shared/plan/watched-services.ts";
import {
  type DiscoveryState,
  type Endpoints,
  heldRevisions,
  inUse,
  keepKnown,
  newDiscovery,
  stepDiscovery,
} from "../../shared/policy/discovery-view.ts";
import { type HeldVersions, keepsFormer, secondAfter } from "../../shared/policy/held-versions.ts";
import type { NamedRevision } from "../../shared/policy/hub-state.ts";
import { type Endpoint, endpointSchema } from "../../shared/wire/endpoint.ts";
import { hopKeySchema } from "../../shared/wire/hop-key.ts";
import { deniedPeersSchema, federatedSchema, type HubMessage, outsideIssuerSchema } from "../../shared/wire/hub.ts";
import { revocationListSchema } from "../../shared/wire/revocations.ts";
import { constrainedRoot } from "../tls/constrained-root.ts";
import { agentPlanSchema } from "./agent-plan-schema.ts";
import type { KnownPlan } from "./known-plan.ts";
import { SecondPlan } from "./second-plan.ts";
import type { OpenState, StateFile } from "./state-file.ts";

const trustSchema = z.object({
  roots: z.array(z.string()),
  txnKeys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })),
  /** Of the ingress alone. */
  hopKeys: z.optional(z.array(hopKeySchema)),
  /** Refused in spite of good certificates. */
  denied: z.optional(deniedPeersSchema),
  /** Roots of other trust domains. */
  federated: z.optional(federatedSchema),
  /** Another issuer of the own one. */
  outside: z.optional(outsideIssuerSchema),
});
export type Trust = z.infer<typeof trustSchema>;

const planFileSchema = z.object({ version: z.int(), hash: z.string(), plan: agentPlanSchema });
const endpointsFileSchema = z.object({
  /** Of a control plane that tells whole views. */
  revision: z.int(),
  services: z.record(z.string(), z.array(endpointSchema)),
  /** By service, where that is all that its registry told by that revision. */
  held: z.optional(z.record(z.string(), z.object({ epoch: z.string(), revision: z.int() }))),
});

/** What a message replaced that has to be taken into use. */
export type Changed = "plan" | "trust" | "endpoints";

/** What of the view is told by itself. */
type Part = Changed | "canary" | "revocations";

/** What is in use of the services that this agent calls. */
export interface KnownEndpoints {
  /** Of a control plane that tells whole views; 0: none did. */
  readonly revision: number;
  readonly services: Endpoints<Endpoint>;
}

/** What a message has to be answered with, once it is in use. */
export interface Answers {
  readonly seen: readonly NamedRevision[];
  readonly resync: readonly NamedRevision[];
}

export class KnownView {
  plan: KnownPlan | undefined;
  trust: Trust | undefined;
  endpoints: KnownEndpoints = { revision: 0, services: {} };
  /** A canary; its own plan, or the one before, for a while after its end. */
  readonly second: SecondPlan;
  /** Looked up by each request; told to agents that face the outside alone. */
  revocations: RevocationIndex = noRevocations;
  /** What the last message has to be answered with. */
  answers: Answers = NO_ANSWERS;
  /** What registries told, by service. */
  #discovery: DiscoveryState<Endpoint> = newDiscovery();
  /** A message about endpoints has come, or the last run left some. */
  #knowsEndpoints = false;
  readonly #toldMs: Partial<Record<Part, number>> = {};
  #fresh = false;
  /** What a control plane that tells whole views said last in this run, as it said it. */
  #told: Endpoints<Endpoint> | undefined;
  /** What was in use when the connection came back, until the view has settled. */
  #before: Endpoints<Endpoint> | undefined;
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
    open: OpenState,
    whose: Pick<AgentPlan, "service" | "trustDomain">,
    onTrouble: (message: string) => void,
    onDropped: () => void = () => {},
  ) {
    this.#whose = whose;
    this.#onTrouble = onTrouble;
    this.#planFile = open<KnownPlan>("plan.json", (value) => planFileSchema.parse(value));
    this.#secondFile = open<KnownPlan>("canary.json", (value) => planFileSchema.parse(value));
    const dropped = () => {
      this.#forgetUncallable();
      onDropped();
    };
    this.second = new SecondPlan({ file: this.#secondFile, onDropped: dropped, onTrouble });
    this.#trustFile = open<Trust>("trust.json", (value) => trustSchema.parse(value));
    this.#endpointsFile = open("endpoints.json", (value) => endpointsFileSchema.parse(value));
    this.#revocationsFile = open("revocations.json", (value) => revocationListSchema.parse(value));
  }

  /** All three are there, at the ingress with the keys that it checks the gateway by: listeners may open (law 9). */
  get complete(): boolean {
    const callable = Object.keys(this.plan?.plan.outbound ?? {});
    const knowsAll =
      this.#knowsEndpoints && callable.every((service) => Object.hasOwn(this.endpoints.services, service));
    const canProve = this.#whose.service !== GATEWAY_SERVICE || (this.trust?.hopKeys ?? []).length > 0;
    return this.plan !== undefined && this.trust !== undefined && canProve && knowsAll;
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
    const { revision, services, held = {} } = endpoints;
    this.endpoints = { revision, services };
    const views = Object.entries(services).flatMap(([service, put]) => {
      const one = Object.hasOwn(held, service) ? held[service] : undefined;
      return one === undefined ? [] : [{ service, ...one, put, remove: [] }];
    });
    stepDiscovery(this.#discovery, { type: "changes", views });
    const others = Object.entries(services).filter(([service]) => !Object.hasOwn(held, service));
    stepDiscovery(this.#discovery, { type: "inherited", services: Object.fromEntries(others) });
    this.#knowsEndpoints = true;
  }

  /** When a part was told, in this run or, as far as is known, an earlier one. Milliseconds since the epoch. */
  toldMs(part: Changed): number | undefined {
    const file = { plan: this.#planFile, trust: this.#trustFile, endpoints: this.#endpointsFile }[part];
    return this.#toldMs[part] ?? file.savedMs();
  }

  /** What to say in a greeting. */
  get held(): NamedRevision[] {
    return heldRevisions(this.#discovery).filter(({ service }) => !this.#discovery.before.has(service));
  }

  /** Of another identity: nothing of it may be used. */
  forget(): void {
    for (const file of [this.#planFile, this.#secondFile, this.#trustFile, this.#endpointsFile, this.#revocationsFile])
      file.remove();
  }

  /** A new connection: the first whole view counts whatever its revision, and takes nothing away before `settle`. */
  connected(): void {
    this.#fresh = true;
    if (this.#told !== undefined) this.#before = this.endpoints.services;
  }

  /** Something is kept that the control plane has not named; it goes with `settle`. */
  get isSettling(): boolean {
    return this.#discovery.before.size > 0;
  }

  /**
   * The control plane has had the time to gather its view: from here on it takes away too.
   * @returns whether that changed anything
   */
  settle(): boolean {
    const { changed: changes, ...answers } = stepDiscovery(this.#discovery, { type: "settled" });
    this.answers = answers;
    if (changes) {
      this.#useDiscovery();
      return true;
    }
    const changed = this.#before !== undefined && !this.#fresh;
    if (changed && this.#told !== undefined) this.#use({ revision: this.endpoints.revision, services: this.#told });
    this.#before = undefined;
    return changed;
  }

  /**
   * Takes a message of the hub.
   * @returns what changed; undefined when it was older than what is known, or is looked up by each request anyway
   * @throws when it cannot be used; the last good one stays
   */
  take(message: HubMessage): Changed | undefined {
    this.answers = NO_ANSWERS;
    if (isNotOfView(message)) return undefined;
    const taken = this.#take(message);
    this.#toldMs[message.type === "changes" ? "endpoints" : message.type] = Date.now();
    return taken;
  }

  #take(message: Exclude<HubMessage, NotOfTheView>): Changed | undefined {
    if (message.type === "plan") {
      const plan = this.#checkedPlan(message);
      const [before, held] = [this.plan, this.#heldVersions];
      this.plan = plan;
      this.#keep(this.#planFile.save(plan));
      if (before !== undefined && keepsFormer(plan.version, held)) this.second.hold(before, true);
      this.#forgetUncallable();
      return "plan";
    }
    if (message.type === "canary") {
      this.#takeCanary(message);
      return "plan";
    }
    if (message.type === "trust") {
      const trust = {
        ...checkedTrust(message),
        ...this.#checkedFederated(message.federated),
        ...this.#checkedOutside(message.outside),
      };
      // Before it is acknowledged: whoever is denied stays so, whatever becomes of this process.
      if (!isDeepStrictEqual(trust, this.trust)) this.#tolerate(() => this.#trustFile.saveNow(trust));
      this.trust = trust;
      return "trust";
    }
    if (message.type === "revocations") {
      const { revision, entries } = message;
      this.revocations = indexRevocations({ revision, entries });
      this.#keep(this.#revocationsFile.save(this.revocations.list));
      return undefined;
    }
    return message.type === "changes" ? this.#takeChanges(message) : this.#takeWhole(message);
  }

  #takeChanges(message: Extract<HubMessage, { type: "changes" }>): Changed | undefined {
    const wasWhole = this.#told !== undefined;
    if (wasWhole) stepDiscovery(this.#discovery, { type: "inherited", services: this.endpoints.services });
    const { changed, ...answers } = stepDiscovery(this.#discovery, message);
    this.answers = answers;
    const isUnwritten = !this.#knowsEndpoints;
    const isFirst = this.#fresh || isUnwritten;
    this.#fresh = false;
    this.#knowsEndpoints = true;
    // From here on the control plane tells changes: whole views of an earlier one are over.
    this.#told = this.#before = undefined;
    // That there is nobody to call is worth knowing, too: without a file nobody starts while the control plane is away.
    if (changed || wasWhole || isUnwritten) this.#useDiscovery();
    return changed || isFirst ? "endpoints" : undefined;
  }

  #takeWhole({ revision, services }: Extract<HubMessage, { type: "endpoints" }>): Changed | undefined {
    if (!this.#fresh && revision < this.endpoints.revision) return undefined;
    // Whoever tells whole views does not know the revisions of registries.
    this.#discovery = newDiscovery();
    this.#use({ revision, services: this.#before === undefined ? services : keepKnown(services, this.#before) });
    this.#told = services;
    this.#fresh = false;
    this.#knowsEndpoints = true;
    return "endpoints";
  }

  #takeCanary({ version, hash, plan }: Extract<HubMessage, { type: "canary" }>): void {
    const told = plan === undefined || hash === undefined ? undefined : { version, hash, plan };
    const known = told && this.#checkedPlan({ type: "plan", ...told });
    const act = secondAfter(known?.version ?? 0, this.#heldVersions);
    if (act === "release") this.second.release();
    else if (act === "hold" && known !== undefined) this.second.hold(known, false);
    this.#forgetUncallable();
  }

  get #heldVersions(): HeldVersions {
    return { live: this.plan?.version ?? 0, second: this.second.plan?.version ?? 0 };
  }

  /** Endpoints of services that neither plan asks for go. */
  #forgetUncallable(): void {
    const services = [this.plan, this.second.plan].flatMap((known) => (known ? watchedBy(known.plan) : []));
    if (stepDiscovery(this.#discovery, { type: "callable", services }).changed) this.#useDiscovery();
  }

  #useDiscovery(): void {
    this.#use({ revision: 0, services: inUse(this.#discovery) });
  }

  #use(endpoints: KnownEndpoints): void {
    this.endpoints = endpoints;
    const services = Object.fromEntries(Object.entries(endpoints.services).map(([name, all]) => [name, [...all]]));
    const held = Object.fromEntries(this.held.map(({ service, ...one }) => [service, one]));
    this.#keep(this.#endpointsFile.save({ revision: endpoints.revision, services, held }));
  }

  /** What somebody else's bundle holds must not keep the rest from being taken: what cannot be used of it is left out. */
  #checkedFederated(federated: Trust["federated"]): Pick<Trust, "federated"> {
    if (federated === undefined) return {};
    const { trustDomain: own } = this.#whose;
    const usable = Object.entries(federated).flatMap(([trustDomain, roots]) => {
      if (trustDomain === own || !isTrustDomain(trustDomain)) return [];
      return [[trustDomain, roots.filter((root) => this.#tolerate(() => constrainedRoot(root, trustDomain)))] as const];
    });
    return { federated: Object.fromEntries(usable) };
  }

  #checkedOutside(outside: Trust["outside"]): Pick<Trust, "outside"> {
    if (outside === undefined) return {};
    const { trustDomain } = this.#whose;
    const roots = outside.roots.filter((root) => this.#tolerate(() => constrainedRoot(root, trustDomain)));
    return { outside: { ...outside, roots } };
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

const NO_ANSWERS: Answers = { seen: [], resync: [] };

/** Messages that say nothing of the view. */
type NotOfTheView = Extract<
  HubMessage,
  { type: "advice" | "drain" | "drained" | "renew" | "limited" | "edges" | "taps" }
>;

function isNotOfView(message: HubMessage): message is NotOfTheView {
  return ["advice", "drain", "drained", "renew", "limited", "edges", "taps"].includes(message.type);
}

function checkedTrust(message: Trust): Trust {
  if (message.roots.length === 0) throw new Error("a trust bundle without roots");
  for (const root of message.roots)
    if (!new X509Certificate(root).ca) throw new Error("the trust bundle holds a certificate that is no authority");
  const { roots, txnKeys, hopKeys, denied } = message;
  return { roots, txnKeys, ...(hopKeys !== undefined && { hopKeys }), ...(denied !== undefined && { denied }) };
}
