/** What agents ask of limits and tell of calls: none of it is the hub's own, and nothing of it is kept there. */
import { OTHERS } from "../../../shared/policy/counters.ts";
import type { EdgesMessage } from "../../../shared/wire/edges.ts";
import type { LimitsMessage } from "../../../shared/wire/mesh-limits.ts";
import { keepEdges } from "../upstream/usage-shards.ts";
import type { Connection } from "./connection.ts";
import { LimitDesk, type LimitDeskOptions } from "./limit-desk.ts";

/** Callers that are no services of the document: who proves no identity, and the gateway. */
const CALLERS: ReadonlySet<string> = new Set(["unknown", "gateway"]);

export interface ToldDeskOptions extends LimitDeskOptions {
  /** Whether the document has a service of that name. */
  readonly knows: (service: string) => boolean;
}

export class ToldDesk {
  readonly #options: ToldDeskOptions;
  readonly #limits: LimitDesk;

  constructor(options: ToldDeskOptions) {
    this.#options = options;
    this.#limits = new LimitDesk(options);
  }

  hear(from: Connection, message: LimitsMessage | EdgesMessage): void {
    if (message.type === "limits") this.#limits.hear(from, message);
    else this.#options.waitUntil(this.#count(from, message));
  }

  /** Of edges that the agent is one end of; names that are no services are told together. */
  async #count({ id, service, instance }: Connection, { run, counted }: EdgesMessage): Promise<void> {
    const { env, knows, send } = this.#options;
    const isOwn = ({ kind, labels }: (typeof counted.series)[number]): boolean =>
      kind === "edge" && labels.length === 2 && (labels.includes(service) || labels.every((label) => label === OTHERS));
    const series = counted.series.filter(isOwn).map((one) => {
      const [from = OTHERS, to = OTHERS] = one.labels;
      const isCaller = from === service || CALLERS.has(from) || knows(from);
      return { ...one, labels: [isCaller ? from : OTHERS, to === service || knows(to) ? to : OTHERS] };
    });
    const isCounted = await keepEdges(env, `${service}/${instance}/${run}`, { seq: counted.seq, series });
    if (isCounted) send(id, JSON.stringify({ type: "edges", seq: counted.seq }));
  }
}
