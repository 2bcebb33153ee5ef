/** The sockets of a front's listener: counted from their first packet on, then TLS where it is spoken. */
import { randomBytes } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";
import { canonicalAddress } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import type { FrontConnection, SeenCertificate } from "../../shared/wire/front-fields.ts";
import type { Accept } from "../proxy/listener.ts";
import type { Admission } from "./admission.ts";
import type { Certificates } from "./certificates.ts";
import type { Source, TrustedProxies } from "./trusted-proxies.ts";

const nothing = (): void => undefined;

const TICKET_KEY_BYTES = 48;
/** Idle connections of clients that vanished are found by the kernel after this. */
const KEEP_ALIVE_PROBE_MS = 60_000;

export interface ServerOptions {
  readonly admission: Admission;
  /** Absent: no TLS. */
  readonly certificates: Certificates | undefined;
  /** For ALPN, the preferred one first. */
  readonly protocols: readonly string[];
  /** Absent: whoever is connected is the client. */
  readonly proxies?: TrustedProxies | undefined;
}

export function openServer(options: ServerOptions): (accept: Accept) => net.Server {
  const { admission, certificates, proxies } = options;
  return (accept) => {
    const told = new ToldSources();
    const secure = certificates === undefined ? undefined : secureServer(options, certificates, told, accept);
    const take = (socket: net.Socket, source: Source, isTold: boolean): void => {
      if (!admit(socket, () => admission.admit(source.address, performance.now()))) return;
      if (secure === undefined) accept(socket, undefined, source);
      else {
        if (isTold) told.note(socket, source);
        secure.emit("connection", socket);
      }
    };
    const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS };
    const server = net.createServer({ ...tcp, allowHalfOpen: secure === undefined }, (socket) => {
      const peer = { address: addressOf(socket), port: socket.remotePort ?? 0 };
      if (proxies?.has(peer.address) !== true) take(socket, peer, false);
      else {
        // Until it is known whose it is, it counts among all alone.
        const release = admit(socket, () => admission.admitProxy(peer.address, performance.now()));
        if (!release) return;
        proxies.read(socket, peer, (source) => {
          release();
          take(socket, source, true);
        });
      }
    });
    if (secure !== undefined) renewTicketKeys(secure, server);
    return server;
  };
}

/** @returns ends what was admitted before its socket is closed; undefined: it was not, and its socket is gone */
function admit(socket: net.Socket, ask: () => (() => void) | undefined): (() => void) | undefined {
  const release = ask();
  if (release === undefined) {
    socket.on("error", nothing);
    socket.destroy();
    return undefined;
  }
  socket.once("close", release);
  return () => {
    socket.off("close", release);
    release();
  };
}

/** Whose connections are, by what proxies told. A socket of TLS is another object than the one below it, with the same ends. */
class ToldSources {
  readonly #sources = new Map<string, Source>();

  note(socket: net.Socket, source: Source): void {
    const ends = endsOf(socket);
    this.#sources.set(ends, source);
    socket.once("close", () => this.#sources.delete(ends));
  }

  of(socket: net.Socket): Source | undefined {
    return this.#sources.size === 0 ? undefined : this.#sources.get(endsOf(socket));
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

/** TLS for sockets that another server has accepted. */
function secureServer(
  { protocols }: ServerOptions,
  certificates: Certificates,
  told: ToldSources,
  accept: Accept,
): tls.Server {
  const server = tls.createServer({
    ...certificates.first,
    SNICallback: (name, done) => done(null, certificates.contextFor(name)),
    ALPNProtocols: [...protocols],
    requestCert: certificates.asksClients,
    // The gateway refuses who needs a certificate and shows a bad one; others are served without.
    rejectUnauthorized: false,
    handshakeTimeout: limits.agent.handshakeTimeoutMs,
  });
  certificates.onChange((options) => server.setSecureContext(options));
  server.on("secureConnection", (socket) => accept(socket, socket.alpnProtocol || undefined, told.of(socket)));
  // No log: a port scanner must not be able to fill it.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function renewTicketKeys(secure: tls.Server, server: net.Server): void {
  const timer = setInterval(() => secure.setTicketKeys(randomBytes(TICKET_KEY_BYTES)), limits.front.ticketKeyMs);
  timer.unref();
  server.once("close", () => clearInterval(timer));
}

function addressOf(socket: net.Socket): string {
  const address = socket.remoteAddress ?? "";
  return canonicalAddress(address) ?? address;
}

/**
 * What is known of a connection.
 * @param source whose it is
 */
export function connectionFacts(
  socket: net.Socket,
  source: Source,
  protocol: FrontConnection["protocol"],
): FrontConnection {
  const facts = { address: canonicalAddress(source.address) ?? source.address, port: source.port, protocol };
  if (!(socket instanceof tls.TLSSocket)) return facts;
  const certificate = certificateOf(socket);
  const known = { version: socket.getProtocol() ?? "", cipher: socket.getCipher().standardName };
  return { ...facts, tls: certificate === undefined ? known : { ...known, certificate } };
}

function certificateOf(socket: tls.TLSSocket): SeenCertificate | undefined {
  const der = socket.getPeerX509Certificate()?.raw;
  if (der === undefined) return undefined;
  const refusal = socket.authorized ? undefined : String(socket.authorizationError ?? "not verified");
  return { der, refusal };
}
