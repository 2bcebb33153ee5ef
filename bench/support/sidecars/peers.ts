/** What sidecars are compared in: an application, certificates, and the proxies of others. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { spiffeIdOf } from "../../../shared/identity/spiffe-id.ts";
import { makeAuthority } from "../../../test/support/certificates.ts";
import type { Programs } from "./programs.ts";

/** PEM files of one service, whose name both ends of a pair bear. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one. */
  readonly both: string;
  readonly root: string;
  /** DNS name in the certificate, and its SPIFFE ID. */
  readonly name: string;
  readonly uri: string;
}

export interface Bed {
  readonly folder: string;
  readonly programs: Programs;
  readonly identity: Identity;
}

/** One or two proxies in a row before the application. */
export interface Proxies {
  readonly name: string;
  /** How clients name the application, where not by `HOST`. */
  readonly host?: string;
  /** That clients call. */
  readonly port: number;
  readonly pids: readonly number[];
}

const TRUST_DOMAIN = "bench.internal";
const SERVICE = "orders";
/** How clients name the application, whoever stands before it, but for agents, of which each pair serves its own. */
export const HOST = `${SERVICE}.mesh`;

/** @param folder that is there */
export async function makeBed(folder: string, programs: Programs): Promise<Bed> {
  const tls = path.join(folder, "tls");
  mkdirSync(tls);
  const authority = await makeAuthority(TRUST_DOMAIN);
  const { certPem, keyPem } = await authority.issue(SERVICE, {
    dnsNames: [HOST],
    uris: [spiffeIdOf(TRUST_DOMAIN, SERVICE)],
  });
  const file = (name: string, text: string): string => {
    const where = path.join(tls, name);
    writeFileSync(where, text, { mode: 0o600 });
    return where;
  };
  const identity = {
    cert: file("cert.pem", certPem),
    key: file("key.pem", keyPem),
    both: file("both.pem", `${certPem}\n${keyPem}`),
    root: file("root.pem", authority.rootPem),
    name: HOST,
    uri: spiffeIdOf(TRUST_DOMAIN, SERVICE),
  };
  return { folder, programs, identity };
}
