/**
 * Who a peer is in this mesh, and peers that are refused although their certificates are good: no new connection with them, on either
 * side, and those that are open end when one of them becomes so.
 */
import type { TLSSocket } from "node:tls";
import { meshIdOf, type OutsideNames } from "../../shared/identity/outside-names.ts";
import { serialText } from "../../shared/policy/denial.ts";
import { spiffeIdOfCertificate } from "./tls-peer.ts";

interface Peer {
  /** As the certificate says. */
  readonly certified: string | undefined;
  /** As it is known in the mesh. */
  readonly spiffeId: string | undefined;
  readonly serial: string;
}

export class PeerGuard {
  /** Counts changes: what was proven before the last one has to be proven anew. */
  revision = 0;
  #spiffeIds: ReadonlySet<string> = new Set();
  #serials: ReadonlySet<string> = new Set();
  #names: OutsideNames | undefined;
  /** A client's socket tells the certificate of its peer only at the moment of the handshake: it is noted then. */
  readonly #peers = new Map<TLSSocket, Peer>();

  /** What the SPIFFE ID of a certificate is in the mesh. */
  nameOf(spiffeId: string): string {
    return meshIdOf(this.#names, spiffeId);
  }

  /** How an outside issuer names workloads, from now on: connections with those who are somebody else by it end. @returns how many */
  setNames(names: OutsideNames | undefined): number {
    if (names?.id === this.#names?.id && names?.gateway === this.#names?.gateway) return 0;
    this.#names = names;
    this.revision++;
    const others = [...this.#peers].filter(
      ([, { certified, spiffeId }]) => certified !== undefined && this.nameOf(certified) !== spiffeId,
    );
    for (const [socket] of others) socket.destroy();
    return others.length;
  }

  /**
   * Replaces the list, and ends connections with those on it.
   * @param serials serial numbers of certificates
   * @returns how many connections ended; undefined: nothing has changed
   */
  deny(spiffeIds: readonly string[], serials: readonly string[]): number | undefined {
    const texts = serials.map(serialText);
    if (isSame(spiffeIds, this.#spiffeIds) && isSame(texts, this.#serials)) return undefined;
    this.#spiffeIds = new Set(spiffeIds);
    this.#serials = new Set(texts);
    this.revision++;
    const denied = [...this.#peers].filter(([, { spiffeId, serial }]) => this.refuse(spiffeId, serial) !== undefined);
    for (const [socket] of denied) socket.destroy();
    return denied.length;
  }

  /** Why a certificate is refused. @param serial hex */
  refuse(spiffeId: string | undefined, serial: string): string | undefined {
    if (spiffeId !== undefined && this.#spiffeIds.has(spiffeId)) return `${spiffeId} is revoked`;
    return this.#serials.has(serialText(serial)) ? `the certificate ${serialText(serial)} is revoked` : undefined;
  }

  /** Ends connections with workloads of these trust domains. @returns how many */
  end(trustDomains: readonly string[]): number {
    const ended = [...this.#peers].filter(([, { spiffeId = "" }]) =>
      trustDomains.some((trustDomain) => spiffeId.startsWith(`spiffe://${trustDomain}/`)),
    );
    for (const [socket] of ended) socket.destroy();
    return ended.length;
  }

  /** Whether a verified peer may go on, also by a resumed session; asked at the handshake, and watched from there to its end. */
  admits(socket: TLSSocket): boolean {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return true;
    const certified = spiffeIdOfCertificate(certificate.raw);
    const spiffeId = certified === undefined ? undefined : this.nameOf(certified);
    const { serialNumber: serial } = certificate;
    if (this.refuse(spiffeId, serial) !== undefined) return false;
    this.#peers.set(socket, { certified, spiffeId, serial });
    socket.once("close", () => this.#peers.delete(socket));
    return true;
  }
}

function isSame(list: readonly string[], known: ReadonlySet<string>): boolean {
  return list.length === known.size && list.every((one) => known.has(one));
}
