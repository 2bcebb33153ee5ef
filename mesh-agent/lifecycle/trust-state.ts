/** What listeners and connections prove themselves with and believe, exchanged while they are in use. */
import type { SecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { spiffeIdOf, trustDomainOf } from "../../shared/identity/spiffe-id.ts";
import type { Trust } from "../control/known-view.ts";
import type { MeshTls } from "../proxy/connect.ts";
import { PeerGuard } from "../proxy/peer-guard.ts";
import { createClientContext, type TlsIdentity } from "../proxy/tls-peer.ts";
import type { Log } from "../telemetry/log.ts";
import { constrainedRoot } from "../tls/constrained-root.ts";
import { type AgentIdentity, certificateFacts } from "../tls/identity.ts";
import type { Svid } from "../workload-api/messages.ts";
import type { WorkloadApi } from "../workload-api/workload-api.ts";

type Federated = Readonly<Record<string, readonly string[]>>;

/** An agent's own certificate when it comes from an outside issuer, whose word on its roots and on others is newer than any other. */
export interface FromOutside {
  /** Roots of other trust domains that the issuer told. */
  readonly federated: Federated;
}

export class TrustState {
  #identity: AgentIdentity;
  /** Of the control plane's authority. */
  #roots: readonly string[];
  /** Of an outside issuer, as the control plane told them. */
  #outsideRoots: readonly string[] = [];
  /** Roots of other trust domains, as the control plane told them, and all that are in use. */
  #toldFederated: Federated = {};
  #federated: Federated = {};
  readonly #fromOutside: FromOutside | undefined;
  #context: SecureContext | undefined;
  readonly #guard = new PeerGuard();
  /** Of the application beside the agent, where it is asked for. */
  #workloadApi: WorkloadApi | undefined;
  readonly #log: Log;

  constructor(identity: AgentIdentity, log: Log, fromOutside?: FromOutside) {
    this.#identity = identity;
    this.#fromOutside = fromOutside;
    this.#roots = fromOutside === undefined ? identity.roots : [];
    this.#log = log;
    this.#federate();
  }

  /** Roots of the own trust domain that are believed. */
  get #believed(): readonly string[] {
    return [...new Set([...this.#roots, ...this.#outside])];
  }

  get #outside(): readonly string[] {
    return this.#fromOutside === undefined ? this.#outsideRoots : this.#identity.roots;
  }

  /** Opens the SPIFFE Workload API, which few ask for. @param path of its socket. @throws with a sentence for people */
  async serve(path: string): Promise<void> {
    const { WorkloadApi } = await import("../workload-api/workload-api.ts");
    this.#workloadApi = await WorkloadApi.open(path, () => this.#svid);
  }

  async close(): Promise<void> {
    await this.#workloadApi?.close();
  }

  get #svid(): Svid {
    const { trustDomain, privateKey, certificates } = this.#identity;
    const { spiffeId } = certificateFacts(certificates);
    return { spiffeId, trustDomain, privateKey, certificates, roots: this.#believed, federated: this.#federated };
  }

  /** For a listener to the mesh. */
  get forListener(): TlsIdentity & { readonly guard: PeerGuard } {
    return { ...this.tlsIdentity, guard: this.#guard };
  }

  /** For connections to a workload of another trust domain, which vouches for its own alone. */
  towardsPeer(spiffeId: string): MeshTls {
    const trustDomain = trustDomainOf(spiffeId) ?? "";
    if (trustDomain === this.#identity.trustDomain)
      return { secureContext: () => this.clientContext, expectedSpiffeId: spiffeId, guard: this.#guard };
    const secureContext = (): SecureContext => {
      const roots = Object.hasOwn(this.#federated, trustDomain) ? (this.#federated[trustDomain] ?? []) : [];
      const ca = roots.map((root) => constrainedRoot(root, trustDomain));
      return createClientContext({ ...this.#ownIdentity, ca });
    };
    return { secureContext, expectedSpiffeId: spiffeId, guard: this.#guard };
  }

  /** For connections to a service. */
  towards(service: string): MeshTls {
    const expectedSpiffeId = spiffeIdOf(this.#identity.trustDomain, service);
    return { secureContext: () => this.clientContext, expectedSpiffeId, guard: this.#guard };
  }

  /**
   * For listeners that are open already: callers may be of other trust domains, too, each by roots of its own. Those of an outside
   * issuer may be good for any trust domain by themselves.
   */
  get tlsIdentity(): TlsIdentity {
    const others = Object.entries(this.#federated);
    if (others.length === 0 && this.#outside.length === 0) return this.#ownIdentity;
    const all: (readonly [string, readonly string[]])[] = [[this.#identity.trustDomain, this.#believed], ...others];
    const ca = all.flatMap(([trustDomain, roots]) => roots.map((root) => constrainedRoot(root, trustDomain)));
    return { ...this.#ownIdentity, ca };
  }

  get #ownIdentity(): TlsIdentity {
    const { privateKey, certificates } = this.#identity;
    return { key: privateKey, cert: certificates.join("\n"), ca: this.#believed };
  }

  /** For new connections: services are of the own trust domain. */
  get clientContext(): SecureContext {
    this.#context ??= createClientContext(this.#ownIdentity);
    return this.#context;
  }

  /** @returns whether it is more than another token, so that connections should come to rest on it */
  renew(identity: AgentIdentity): boolean {
    const { certificates, roots } = this.#identity;
    const isSame = isDeepStrictEqual([certificates, roots], [identity.certificates, identity.roots]);
    this.#identity = identity;
    this.#federate();
    if (!isSame) this.#context = undefined;
    this.#workloadApi?.changed();
    return !isSame;
  }

  /**
   * @returns `fewer`: a root that was believed no longer is, so connections that rest on it should end; `isOther`: none of them
   * is, for another authority took over
   */
  trust({ roots, denied, federated = {}, outside }: Trust): { fewer: boolean; isOther: boolean } {
    const renamed = this.#guard.setNames(outside);
    if (renamed > 0)
      this.#log.event("peers_renamed", `${renamed} connections ended: other SPIFFE IDs name services now`);
    this.#deny(denied);
    this.#toldFederated = federated;
    this.#federate();
    const [before, believed] = [this.#roots, this.#believed];
    this.#roots = roots;
    this.#outsideRoots = outside?.roots ?? [];
    this.#context = undefined;
    this.#workloadApi?.changed();
    const now = this.#believed;
    return {
      fewer: believed.some((root) => !now.includes(root)),
      isOther: before.length > 0 && !before.some((root) => roots.includes(root)),
    };
  }

  /** Connections end with those of a trust domain that has lost a root. The document's word comes before the issuer's. */
  #federate(): void {
    const before = this.#federated;
    const federated = { ...this.#fromOutside?.federated, ...this.#toldFederated };
    this.#federated = federated;
    const lost = Object.entries(before).filter(([trustDomain, roots]) => {
      const now = Object.hasOwn(federated, trustDomain) ? (federated[trustDomain] ?? []) : [];
      return roots.some((root) => !now.includes(root));
    });
    const ended = this.#guard.end(lost.map(([trustDomain]) => trustDomain));
    if (isDeepStrictEqual(before, federated)) return;
    const names = Object.keys(federated).join(", ") || "none";
    this.#log.event(
      "federated",
      `other trust domains that are believed: ${names}; ${ended} connections with them ended`,
    );
  }

  /** Connections with those who are denied end, all others stay. */
  #deny({ services, serials }: NonNullable<Trust["denied"]> = { services: [], serials: [] }): void {
    const { trustDomain } = this.#identity;
    const ids = services.map((service) => spiffeIdOf(trustDomain, service));
    const ended = this.#guard.deny(ids, serials);
    if (ended === undefined) return;
    const peers = `${services.length} services and ${serials.length} certificates`;
    this.#log.event("peers_denied", `refusing ${peers}; ${ended} connections with them ended`);
  }
}
