import type { AgentPlan } from "../../../shared/plan/plan.ts";
import type { CanaryFaces } from "./rpc.ts";
import { TextStore } from "./text-store.ts";

/** A canary's face of one service, ready to send. */
interface CanaryFace {
  readonly outbound: readonly string[];
  /** Hub messages as JSON text: as the second version, and as the only one that knows the service. */
  readonly message: string;
  readonly asPlan: string;
}

interface Summary {
  readonly version: number;
  readonly services: readonly string[];
}

const NONE: Summary = { version: 0, services: [] };

/** The faces of the canary that runs, which the hub keeps so that agents get them whenever they come. */
export class CanaryFaceStore {
  readonly #texts: TextStore;
  #summary: Summary;
  readonly #faces = new Map<string, CanaryFace>();

  constructor(sql: SqlStorage) {
    this.#texts = new TextStore(sql);
    const text = this.#texts.get("canary-summary");
    this.#summary = text === undefined ? NONE : (JSON.parse(text) as Summary);
  }

  /** 0: none runs. */
  get version(): number {
    return this.#summary.version;
  }

  /** Inside of a transaction. @param faces of version 0: the canary is over */
  put({ version, faces }: CanaryFaces): void {
    for (const service of this.#summary.services) this.#texts.delete(`canary-face/${service}`);
    for (const { service, hash, plan } of faces)
      this.#texts.put(`canary-face/${service}`, JSON.stringify({ hash, plan }));
    this.#summary = { version, services: faces.map(({ service }) => service) };
    this.#texts.put("canary-summary", JSON.stringify(this.#summary));
    this.#faces.clear();
  }

  /** Undefined: none runs, or it does not know the service. */
  face(service: string): CanaryFace | undefined {
    if (this.version === 0) return undefined;
    const known = this.#faces.get(service);
    if (known !== undefined) return known;
    const text = this.#texts.get(`canary-face/${service}`);
    if (text === undefined) return undefined;
    const { hash, plan } = JSON.parse(text) as { hash: string; plan: string };
    const parsed = JSON.parse(plan) as AgentPlan;
    const told = { version: this.version, hash, plan: parsed };
    const face = {
      outbound: Object.keys(parsed.outbound),
      message: JSON.stringify({ type: "canary", ...told }),
      asPlan: JSON.stringify({ type: "plan", ...told }),
    };
    this.#faces.set(service, face);
    return face;
  }

  /** What an agent of the service may call by either version. */
  callable(service: string, stable: readonly string[]): readonly string[] {
    const more = this.face(service)?.outbound;
    return more === undefined ? stable : [...new Set([...stable, ...more])];
  }
}

/** To agents that may hold one: there is none. */
export const NO_CANARY = JSON.stringify({ type: "canary", version: 0 });
