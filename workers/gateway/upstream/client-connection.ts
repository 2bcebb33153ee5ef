import {
  type ClientConnection,
  clientConnection,
  type ShownCertificate,
  type TlsTerminator,
} from "../../../shared/auth/client-connection.ts";
import { clientIpOf } from "./client-ip.ts";

/**
 * What is known of the client's own connection.
 * @param scheme of the request as it reached us
 * @param terminator whose word on it is believed, if anybody's
 */
export function connectionOf(
  request: Request,
  scheme: ClientConnection["scheme"],
  terminator: TlsTerminator | undefined,
): ClientConnection {
  if (terminator === undefined) return new PlatformConnection(request, scheme);
  const { headers, cf } = request;
  const facts = {
    scheme,
    // The socket's peer, which no client can choose, whatever its address is taken from elsewhere.
    peer: clientIpOf(request, "socket"),
    field: (name: string) => headers.get(name),
    tlsClientAuth: (cf as { tlsClientAuth?: unknown } | undefined)?.tlsClientAuth,
  };
  return clientConnection(facts, terminator);
}

/** Nobody terminates TLS before us: hardly any route asks for the certificate then, and only the platform knows of one. */
class PlatformConnection implements ClientConnection {
  readonly scheme: ClientConnection["scheme"];
  readonly #request: Request;

  constructor(request: Request, scheme: ClientConnection["scheme"]) {
    this.scheme = scheme;
    this.#request = request;
  }

  get certificate(): ShownCertificate | undefined {
    const { cf } = this.#request;
    const tlsClientAuth = (cf as { tlsClientAuth?: unknown } | undefined)?.tlsClientAuth;
    const facts = { scheme: this.scheme, peer: undefined, field: () => null, tlsClientAuth };
    return clientConnection(facts, undefined).certificate;
  }
}
