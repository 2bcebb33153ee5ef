/**
 * The TLS 1.3 session of one endpoint and the identity that it has proven, for connections that follow (RFC 8446 section 2.2). Whoever
 * can resume it is whoever was verified with it, so it ends a short time after that and never after the certificate, and nobody has it
 * but the pool of that endpoint. It is used more than once, against section C.4: an OpenSSL server gives no new one to who resumes, and
 * connections between agents may be linked, since their addresses are the same anyway.
 */
import type { TLSSocket } from "node:tls";
import { limits } from "../../shared/limits.ts";
import type { PeerGuard } from "./peer-guard.ts";

export interface TlsSession {
  readonly session: Buffer;
  /** Of the wall clock. */
  readonly untilMs: number;
  /** Of the guard when the peer was verified. */
  readonly revision: number;
}

export class TlsSessions {
  #kept: TlsSession | undefined;

  /** What the next connection may resume. @param revision of the guard: after a change of it everything is proven anew */
  offer(revision = 0): TlsSession | undefined {
    const kept = this.#kept;
    if (kept !== undefined && (kept.untilMs <= Date.now() || kept.revision !== revision)) this.#kept = undefined;
    return this.#kept;
  }

  /** Keeps what the peer of this connection sends, once the peer is verified. @param offered what the connection may resume */
  watch(socket: TLSSocket, offered: TlsSession | undefined, guard?: PeerGuard): void {
    let untilMs = 0;
    let revision = 0;
    socket.once("secureConnect", () => {
      const isReused = socket.isSessionReused();
      // The peer is another one, or has forgotten it.
      if (!isReused && this.#kept === offered) this.#kept = undefined;
      if (!socket.authorized) return;
      const endsAtMs = socket.getPeerX509Certificate()?.validToDate.getTime() ?? 0;
      const proven = Math.min(Date.now() + limits.agent.tlsSessionMs, endsAtMs);
      revision = guard?.revision ?? 0;
      untilMs = isReused && offered !== undefined ? offered.untilMs : proven;
    });
    socket.on("session", (session) => {
      if (untilMs > 0) this.#kept = { session, untilMs, revision };
    });
  }
}
