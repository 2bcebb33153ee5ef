/** What listeners and connections prove themselves with and believe, exchanged while they are in use. */
import type { SecureContext } from "node:tls";
import type { Trust } from "../control/known-view.ts";
import { createClientContext, type TlsIdentity } from "../proxy/tls-peer.ts";
import type { AgentIdentity } from "../tls/identity.ts";

export class TrustState {
  #identity: AgentIdentity;
  #roots: readonly string[];
  #context: SecureContext | undefined;

  constructor(identity: AgentIdentity) {
    this.#identity = identity;
    this.#roots = identity.roots;
  }

  /** For listeners. */
  get tlsIdentity(): TlsIdentity {
    const { privateKey, certificates } = this.#identity;
    return { key: privateKey, cert: certificates.join("\n"), ca: this.#roots };
  }

  /** For new connections. */
  get clientContext(): SecureContext {
    this.#context ??= createClientContext(this.tlsIdentity);
    return this.#context;
  }

  renew(identity: AgentIdentity): void {
    this.#identity = identity;
    this.#context = undefined;
  }

  /**
   * @returns `fewer`: a root that was believed no longer is, so connections that rest on it should end; `isOther`: none of them
   * is, for another authority took over
   */
  trust({ roots }: Trust): { fewer: boolean; isOther: boolean } {
    const before = this.#roots;
    this.#roots = roots;
    this.#context = undefined;
    const gone = before.filter((root) => !roots.includes(root));
    return { fewer: gone.length > 0, isOther: before.length > 0 && gone.length === before.length };
  }
}
