import { type ClientConnection, clientConnection, type TlsTerminator } from "../../../shared/auth/client-connection.ts";
import { clientIpOf } from "./client-ip.ts";

/** What is known of the client's own connection. @param terminator whose word on it is believed, if anybody's */
export function connectionOf(request: Request, terminator: TlsTerminator | undefined): ClientConnection {
  const { headers, url, cf } = request;
  const facts = {
    scheme: url.startsWith("https:") ? ("https" as const) : ("http" as const),
    // The socket's peer, which no client can choose, whatever its address is taken from elsewhere.
    peer: terminator && clientIpOf(request, "socket"),
    field: (name: string) => headers.get(name),
    tlsClientAuth: (cf as { tlsClientAuth?: unknown } | undefined)?.tlsClientAuth,
  };
  return clientConnection(facts, terminator);
}
