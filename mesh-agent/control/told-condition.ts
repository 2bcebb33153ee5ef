/** Tells the control plane what this agent lacks and how its sources of endpoints do, whenever that changes. */
import { isDeepStrictEqual } from "node:util";
import { limits } from "../../shared/limits.ts";
import { missingTelemetrySecrets } from "../../shared/telemetry/environment.ts";
import type { Condition } from "../../shared/wire/condition.ts";
import type { AgentMessage } from "../../shared/wire/hub.ts";
import type { FoundEndpoints } from "../discovery/found-endpoints.ts";
import type { KnownView } from "./known-view.ts";

/** The way to the control plane. */
export interface ConditionHub {
  /** @returns false: it is not connected */
  tell(message: AgentMessage): boolean;
}

const NOTHING: Condition = { missingSecrets: [], sources: [] };

export class ToldCondition {
  readonly #view: KnownView;
  readonly #found: FoundEndpoints;
  #hub: ConditionHub | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** On this connection. */
  #told = NOTHING;

  constructor(view: KnownView, found: FoundEndpoints) {
    this.#view = view;
    this.#found = found;
  }

  start(hub: ConditionHub): void {
    this.#hub = hub;
    this.#found.onNews = () => this.look();
  }

  /** A new connection: nothing was said on it. */
  connected(): void {
    this.#told = NOTHING;
    this.look();
  }

  /** Something may have changed; what comes together is told together. */
  look(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, limits.discovery.toldAfterMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#hub = undefined;
  }

  #tell(): void {
    const now = this.#now();
    if (isDeepStrictEqual(now, this.#told)) return;
    if (this.#hub?.tell({ type: "condition", ...now }) === true) this.#told = now;
  }

  #now(): Condition {
    const missing = missingTelemetrySecrets(this.#view.plan?.plan.telemetry, process.env);
    return {
      missingSecrets: missing.slice(0, limits.gateway.missingSecretsMax),
      sources: this.#found.told(Date.now()).slice(0, limits.discovery.toldSourcesMax),
    };
  }
}
