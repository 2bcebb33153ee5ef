/** Proofs that pass once, over all isolates. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { TakenProof } from "../objects/replay-store.ts";
import { within } from "../upstream/wait.ts";
import type { ProofContext } from "./verifier.ts";

type Call = Pick<ProofContext, "request" | "env">;

export class UsedProofs {
  /** Begins the names of its objects: too many proofs of one kind are no harm to another. */
  readonly #kind: "proofs" | "signatures" | "webhooks";
  /** Those that came to this isolate; forgetting one is no harm, for the objects know it. */
  readonly #seen = new BoundedMap<true>(limits.replay.seenMax);
  /** The proof of a request: several providers of a route may ask for it. */
  readonly #taken = new WeakMap<Request, string>();

  constructor(kind: "proofs" | "signatures" | "webhooks") {
    this.#kind = kind;
  }

  /** Whether this isolate knows already that a proof came before, with another request. */
  isKnown(hash: string, request: Request): boolean {
    return this.#seen.get(hash) !== undefined && this.#taken.get(request) !== hash;
  }

  /**
   * Why a proof does not pass, or undefined: then it is remembered. To be asked last, of good proofs alone.
   * @param hash SHA-256 of what it is known again by, base64url
   * @param endMs until then it could come again, milliseconds since the epoch
   * @throws SelvageError proofs_unavailable: what cannot be remembered could come again
   */
  async refuse(hash: string, endMs: number, { request, env }: Call): Promise<string | undefined> {
    if (this.#taken.get(request) === hash) return undefined;
    if (this.#seen.get(hash) !== undefined) return USED;
    this.#seen.set(hash, true);
    const outcome = await this.#take(hash, endMs, env).catch((cause: unknown) => {
      this.#seen.delete(hash);
      throw cause;
    });
    if (outcome !== "first") return outcome === "again" ? USED : "has ended";
    this.#taken.set(request, hash);
    return undefined;
  }

  async #take(hash: string, endMs: number, env: Call["env"]): Promise<TakenProof> {
    const name = `${this.#kind}-${BASE64URL.indexOf(hash.charAt(0)) % limits.replay.shards}`;
    const asked = env.REPLAY.getByName(name).take(hash, endMs) as Promise<TakenProof>;
    const outcome = await within(asked, limits.replay.waitMs).catch((cause: unknown) => {
      throw new SelvageError("proofs_unavailable", `${name}: ${String(cause)}`, { cause });
    });
    if (outcome === undefined) throw new SelvageError("proofs_unavailable", `${name} did not answer in time`);
    if (outcome === "full") throw new SelvageError("proofs_unavailable", `${name} remembers as many proofs as it can`);
    return outcome;
  }
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const USED = "was used before";
