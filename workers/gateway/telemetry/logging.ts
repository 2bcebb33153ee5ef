/** Tells log records of requests: by what is loaded by the first request whose plan has them. */
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Answered } from "./request-logs.ts";

export class Logging {
  #tell: typeof import("./request-logs.ts").tellRequest | undefined;

  /** @param settings of a plan that has `logs` */
  see(c: Context<GatewayEnv>, settings: TelemetrySettings, answered: Answered): void {
    if (this.#tell !== undefined) this.#tell(c, settings, answered);
    else c.executionCtx.waitUntil(this.#load(c, settings, answered));
  }

  async #load(c: Context<GatewayEnv>, settings: TelemetrySettings, answered: Answered): Promise<void> {
    const { tellRequest } = await import("./request-logs.ts");
    this.#tell = tellRequest;
    tellRequest(c, settings, answered);
  }
}
