import { errorTable } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { MeshLimit } from "../../../shared/policy/call-limits.ts";
import { countingWay } from "../../../shared/policy/change-limiter.ts";
import type { CounterReport, SeriesCounts } from "../../../shared/policy/counters.ts";
import { countingOf, type LimitAnswer } from "../../../shared/policy/limiter-state.ts";
import {
  type AskedLimit,
  answerOf,
  type GivenBack,
  type LimitedAnswer,
  type LimitsMessage,
  questionOf,
} from "../../../shared/wire/mesh-limits.ts";
import type { Limiter } from "../../common/objects/limiter.ts";
import { sha256Hex } from "../authority/bytes.ts";
import type { Env } from "../env.ts";
import { keepUsage } from "../upstream/usage-shards.ts";
import { within } from "../upstream/within.ts";
import type { Connection } from "./connection.ts";
import { MAIN } from "./rpc.ts";

export interface LimitDeskOptions {
  readonly env: Env;
  /** Limits of a service by the live plan, then by a canary. */
  readonly limitsOf: (service: string) => readonly MeshLimit[];
  readonly send: (connection: string, text: string) => void;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

type Asker = Pick<Connection, "id" | "service" | "instance">;

/**
 * Puts agents' questions to the objects that count. Whose limit it is says the connection, and by which numbers the plan of this
 * hub: an agent can neither name another service nor raise its own limit. Nothing is kept.
 */
export class LimitDesk {
  readonly #options: LimitDeskOptions;

  constructor(options: LimitDeskOptions) {
    this.#options = options;
  }

  hear(asker: Asker, { asked = [], back = [], counted }: LimitsMessage): void {
    const { waitUntil } = this.#options;
    if (asked.length > 0) this.#answerAll(asker, asked);
    for (const one of back) waitUntil(this.#giveBack(asker, one).catch(tell("given back")));
    if (counted !== undefined) waitUntil(this.#count(asker, counted).catch(tell("counted")));
  }

  /** Answers that come close together leave together; a slow object holds up its own alone. */
  #answerAll(asker: Asker, asked: readonly AskedLimit[]): void {
    const { send, waitUntil } = this.#options;
    let ready: LimitedAnswer[] = [];
    const leave = (): void => {
      if (ready.length > 0) send(asker.id, JSON.stringify({ type: "limited", answers: ready }));
      ready = [];
    };
    for (const one of asked) {
      const answering = this.#answer(asker, one)
        .catch((error) => tell("asked")(error))
        .then((answer) => {
          ready.push(answerOf(one.n, answer ?? undefined));
          if (ready.length === 1) setTimeout(leave, 0);
        });
      waitUntil(answering);
    }
  }

  /** @returns undefined: no plan here knows the limit */
  async #answer(asker: Asker, asked: AskedLimit): Promise<LimitAnswer | undefined> {
    const found = await this.#find(asker, asked);
    if (found === undefined) return undefined;
    const { limiter, settings } = found;
    const question = questionOf(asked, asker.instance);
    const answer = limiter.ask(countingOf(settings), question) as Promise<LimitAnswer>;
    return within(answer, limits.meshLimits.objectCallMs, `limit ${settings.name} of ${asker.service}`);
  }

  async #giveBack(asker: Asker, back: GivenBack): Promise<void> {
    const found = await this.#find(asker, back);
    if (found !== undefined) await within(found.limiter.refund(back.atMs, 1), limits.meshLimits.objectCallMs, "refund");
  }

  /** Keys are hashed: the platform shows objects' names to operators, and keys may be names of people. */
  async #find(
    { service }: Asker,
    { limit, key }: Pick<AskedLimit, "limit" | "key">,
  ): Promise<{ settings: MeshLimit; limiter: DurableObjectStub<Limiter> } | undefined> {
    const settings = this.#options.limitsOf(service).find(({ name }) => name === limit);
    if (settings === undefined) return undefined;
    const hash = await sha256Hex(JSON.stringify([countingWay(settings), settings.by, key]));
    return { settings, limiter: this.#options.env.MESH_LIMITER.getByName(`${service}/${limit}/${hash}`) };
  }

  /** What an agent says of other services' limits is not believed. */
  async #count({ id, service }: Asker, { seq, series }: CounterReport): Promise<void> {
    const own = series.filter(({ labels }) => labels[0] === service);
    const uncounted = own.filter(({ kind }) => kind === "serviceLimit");
    const judged = own.filter(isJudged).slice(0, limits.counters.agentSeriesMax);
    const { env } = this.#options;
    const keeping = keepUsage(env, id, { seq, series: judged });
    if (uncounted.length > 0) {
      const counting = env.CONFIG.getByName(MAIN).counted(id, { seq, series: uncounted });
      await within(counting, limits.control.objectCallMs, "counted");
    }
    await keeping;
  }
}

/** Of a policy that a service can have in shadow, with a code that there is. */
function isJudged({ kind, labels: [, policy = "", error = ""] }: SeriesCounts): boolean {
  if (kind !== "serviceShadow" || !/^(?:access|auth|shedding|limit:.+)$/.test(policy)) return false;
  return error === "" || Object.hasOwn(errorTable, error);
}

const tell =
  (act: string) =>
  (error: unknown): undefined => {
    console.warn(JSON.stringify({ kind: "error", act: `limits ${act}`, reason: String(error) }));
  };
