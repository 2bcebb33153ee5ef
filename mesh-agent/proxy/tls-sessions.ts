/**
 * TLS 1.3 sessions of one endpoint and the identity that it has proven, for connections that follow (RFC 8446 section 2.2). Whoever can
 * resume one is whoever was verified with it, so a session is kept for a short time, never beyond the certificate, used once
 * (section C.4), and by nobody but the pool of that endpoint.
 */
import type { TLSSocket } from "node:tls";
import { limits } from "../../shared/limits.ts";

const { tlsSessionMs, tlsSessionsMax } = limits.agent;

export class TlsSessions {
  readonly #kept: { readonly session: Buffer; readonly untilMs: number }[] = [];

  /** The newest one; it is not given again. */
  take(): Buffer | undefined {
    const newest = this.#kept.pop();
    return newest !== undefined && newest.untilMs > Date.now() ? newest.session : undefined;
  }

  /** Keeps what the peer of this connection sends, once the peer is verified. */
  watch(socket: TLSSocket): void {
    socket.on("session", (session) => {
      const endsAtMs = socket.getPeerX509Certificate()?.validToDate.getTime() ?? 0;
      if (!socket.authorized) return;
      this.#kept.push({ session, untilMs: Math.min(Date.now() + tlsSessionMs, endsAtMs) });
      if (this.#kept.length > tlsSessionsMax) this.#kept.shift();
    });
  }
}
