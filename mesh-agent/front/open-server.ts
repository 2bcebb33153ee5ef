/** The sockets of a front's listener: counted from their first packet on, then TLS where it is spoken. */
import { randomBytes } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";
import { canonicalAddress } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import type { FrontConnection, SeenCertificate } from "../../shared/wire/front-fields.ts";
import type { Admission } from "./admission.ts";
import type { Certificates } from "./certificates.ts";

type Accept = (socket: net.Socket, protocol: string | undefined) => void;

const nothing = (): void => undefined;

const TICKET_KEY_BYTES = 48;
/** Idle connections of clients that vanished are found by the kernel after this. */
const KEEP_ALIVE_PROBE_MS = 60_000;

/** @param protocols for ALPN, the preferred one first */
export function openServer(
  admission: Admission,
  certificates: Certificates | undefined,
  protocols: readonly string[],
): (accept: Accept) => net.Server {
  return (accept) => {
    const secure = certificates === undefined ? undefined : secureServer(certificates, protocols, accept);
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS };
    const server = net.createServer({ ...options, allowHalfOpen: secure === undefined }, (socket) => {
      const release = admission.admit(addressOf(socket), performance.now());
      if (release === undefined) {
        socket.on("error", nothing);
        socket.destroy();
        return;
      }
      socket.once("close", release);
      if (secure === undefined) accept(socket, undefined);
      else secure.emit("connection", socket);
    });
    if (secure !== undefined) renewTicketKeys(secure, server);
    return server;
  };
}

/** TLS for sockets that another server has accepted. */
function secureServer(certificates: Certificates, protocols: readonly string[], accept: Accept): tls.Server {
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
  server.on("secureConnection", (socket) => accept(socket, socket.alpnProtocol || undefined));
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

/** What is known of a connection. */
export function connectionFacts(socket: net.Socket, protocol: FrontConnection["protocol"]): FrontConnection {
  const facts = { address: addressOf(socket), port: socket.remotePort ?? 0, protocol };
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
