import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import { makeSealer } from "../authority/seal.ts";
import type { Env } from "../env.ts";
import type { AgentSockets } from "./agent-sockets.ts";
import { type CanaryFaceStore, NO_CANARY } from "./canary-faces.ts";
import { trustMessage } from "./hub-messages.ts";
import { sealName } from "./key-ring-store.ts";
import type { PublicationStore } from "./publication-store.ts";
import type { Trust } from "./rpc.ts";

/** Whom something is told. */
type Agent = Pick<Instance, "service" | "connection">;

/** What agents of a hub are told of plans, the trust bundle and revocations, as the stores hold them. */
export class AgentNews {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #sockets: AgentSockets;
  readonly #publication: PublicationStore;
  readonly #canary: CanaryFaceStore;

  constructor(
    ctx: DurableObjectState,
    env: Env,
    sockets: AgentSockets,
    publication: PublicationStore,
    canary: CanaryFaceStore,
  ) {
    this.#ctx = ctx;
    this.#env = env;
    this.#sockets = sockets;
    this.#publication = publication;
    this.#canary = canary;
  }

  /** To one that has just said hello. @param holds the live plan; some canary; the trust bundle */
  greet(agent: Agent, holds: Readonly<Record<"live" | "canary" | "trust", boolean>>): void {
    if (!holds.trust) this.trust(agent);
    this.revocations(agent);
    const face = this.#publication.face(agent.service);
    const second = this.#canary.face(agent.service);
    if (face === undefined && second !== undefined) this.#sockets.send(agent.connection, second.asPlan);
    if (face !== undefined && !holds.live) this.#sockets.send(agent.connection, face.message);
    // A hub that was told nothing yet does not know that there is none.
    if (second !== undefined || (holds.canary && this.#publication.version > 0)) this.canary(agent);
  }

  /** The canary, or that there is none for its service. */
  canary({ service, connection }: Agent): void {
    this.#sockets.send(connection, this.#canary.face(service)?.message ?? NO_CANARY);
  }

  revocations({ service, connection }: Agent): void {
    if (this.#publication.face(service)?.isExposed === true)
      this.#sockets.send(connection, this.#publication.revocations);
  }

  /** Ingress agents get the hop keys with it, opened for the message alone. */
  trust({ service, connection }: Agent): void {
    const { trust } = this.#publication;
    if (trust === undefined) this.#sockets.send(connection, JSON.stringify({ type: "trust", roots: [], txnKeys: [] }));
    else if (service !== GATEWAY_SERVICE) this.#sockets.send(connection, trustMessage(trust));
    else this.#ctx.waitUntil(this.#hopKeys(connection, trust));
  }

  async #hopKeys(connection: string, trust: Trust): Promise<void> {
    try {
      const sealer = await makeSealer(this.#env.KEY_SECRET);
      const opened = trust.hopKeys.map(async ({ kid, sealed }) => {
        return { kid, key: new TextDecoder().decode(await sealer.open(sealName("hop", kid), sealed)) };
      });
      const message = trustMessage(trust, await Promise.all(opened));
      // A newer one that came meanwhile is sent by itself.
      if (this.#publication.trust?.id === trust.id) this.#sockets.send(connection, message);
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "send-hop-keys", reason: String(error) }));
    }
  }
}
