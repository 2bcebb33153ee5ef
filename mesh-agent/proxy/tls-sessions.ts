/**
 * TLS 1.3 sessions of one endpoint and the identity that it has proven, for connections that follow (RFC 8446 section 2.2). Whoever can
 * resume one is whoever was verified with it, so sessions end a short time after that and never
 * after the certificate, and each is used once (section C.4), by nobody but the pool of that endpoint.
 */
import type { TLSSocket } from "node:tls";
import { limits } from "../../shared/limits.ts";

const { tlsSessionMs, tlsSessionsMax } = limits.agent;

export interface TlsSession {
  readonly session: Buffer;
  /** Of the wall clock; those that follow from it are good no longer. */
  readonly untilMs: number;
}

export class TlsSessions {
  readonly #kept: TlsSession[] = [];

  /** The newest one; it is not given again. */
  take(): TlsSession | undefined {
    const newest = this.#kept.pop();
    return newest !== undefined && newest.untilMs > Date.now() ? newest : undefined;
  }

  /** Keeps what the peer of this connection sends, once the peer is verified. @param offered what the connection may resume */
  watch(socket: TLSSocket, offered: TlsSession | undefined): void {
    let untilMs = 0;
    socket.once("secureConnect", () => {
      if (!socket.authorized) return;
      const endsAtMs = socket.getPeerX509Certificate()?.validToDate.getTime() ?? 0;
      const proven = Math.min(Date.now() + tlsSessionMs, endsAtMs);
      untilMs = socket.isSessionReused() && offered !== undefined ? offered.untilMs : proven;
    });
    socket.on("session", (session) => {
      if (untilMs === 0) return;
      this.#kept.push({ session, untilMs });
      if (this.#kept.length > tlsSessionsMax) this.#kept.shift();
    });
  }
}
