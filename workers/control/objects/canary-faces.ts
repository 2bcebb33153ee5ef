import { limits } from "../../../shared/limits.ts";
import type { AgentPlan } from "../../../shared/plan/plan.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import type { MeshLimit } from "../../../shared/policy/call-limits.ts";
import { type CanaryNews, callableByEither, isOldCanary } from "../../../shared/policy/canary-rollout.ts";
import { canaryLaggardsOf } from "../../../shared/policy/hub-duties.ts";
import type { HubState } from "../../../shared/policy/hub-state.ts";
import { callableBy, meshLimitsOf } from "./publication-store.ts";
import type { CanaryFaces, CanaryLaggards } from "./rpc.ts";
import { TextStore } from "./text-store.ts";

/** A canary's face of one service, ready to send: hub messages as JSON text. */
interface CanaryFace {
  /** As the second version. */
  readonly message: string;
  /** As the only one that knows the service. */
  readonly asPlan: string;
  /** Limits that are counted over all instances. */
  readonly limits: readonly MeshLimit[];
}

type Callable = readonly (readonly [service: string, names: readonly string[]])[];

interface Summary extends CanaryNews {
  /** Which services each may call that it knows. */
  readonly callable: Callable;
}

const NONE: Summary = { version: 0, startedAtMs: 0, isOver: true, callable: [] };

/** The faces of the canary that runs, which a hub keeps so that agents get them whenever they come. */
export class CanaryFaceStore {
  readonly #texts: TextStore;
  #summary: Summary;
  readonly #faces = new Map<string, CanaryFace>();

  constructor(sql: SqlStorage) {
    this.#texts = new TextStore(sql);
    const text = this.#texts.get("canary-summary");
    this.#summary = text === undefined ? NONE : (JSON.parse(text) as Summary);
  }

  /** 0: none runs, as far as this hub was told. */
  get version(): number {
    return this.#summary.isOver ? 0 : this.#summary.version;
  }

  /** Inside of a transaction. @returns false when it is what is held, or came before that */
  put({ version, startedAtMs, isOver, faces }: CanaryFaces): boolean {
    if (isOldCanary({ version, startedAtMs, isOver }, this.#summary)) return false;
    for (const [service] of this.#summary.callable) this.#texts.delete(`canary-face/${service}`);
    for (const { service, hash, plan } of faces)
      this.#texts.put(`canary-face/${service}`, JSON.stringify({ hash, plan }));
    const callable = faces.map(({ service, plan }) => [service, callableBy(plan)] as const);
    this.#summary = { version, startedAtMs, isOver, callable };
    this.#texts.put("canary-summary", JSON.stringify(this.#summary));
    this.#faces.clear();
    return true;
  }

  /** Undefined: none runs, or it does not know the service. */
  face(service: string): CanaryFace | undefined {
    if (this.version === 0) return undefined;
    const known = this.#faces.get(service);
    if (known !== undefined) return known;
    const text = this.#texts.get(`canary-face/${service}`);
    if (text === undefined) return undefined;
    const { hash, plan } = JSON.parse(text) as { hash: string; plan: string };
    const told = { version: this.version, hash, plan: JSON.parse(plan) as AgentPlan };
    const face = {
      message: JSON.stringify({ type: "canary", ...told }),
      asPlan: JSON.stringify({ type: "plan", ...told }),
      limits: meshLimitsOf(told.plan),
    };
    this.#faces.set(service, face);
    return face;
  }

  /** Which services those of each service may call by either version. @param stable by the live one */
  callable(stable: ReadonlyMap<string, readonly string[]>): Map<string, readonly string[]> {
    return callableByEither(stable, this.#summary.callable);
  }

  /** Who cannot serve by it yet; a hub that was not told of it cannot say whom it concerns: all that are connected. */
  laggards(state: HubState, version: number): CanaryLaggards {
    const knows = (service: string): boolean => this.version !== version || this.face(service) !== undefined;
    const found = canaryLaggardsOf(state, version, knows);
    const refusing = found.find(({ canary }) => canary?.version === version && canary.refused !== undefined);
    const refused = refusing && { who: nameOf(refusing), reason: refusing.canary?.refused ?? "" };
    const named = found.slice(0, limits.canary.namedMax).map(nameOf);
    return { count: found.length, named, ...(refused && { refused }) };
  }
}

/** To agents that may hold one: there is none. */
export const NO_CANARY = JSON.stringify({ type: "canary", version: 0 });

const nameOf = ({ service, instance }: Instance): string => `agent ${instance} of ${service}`;
