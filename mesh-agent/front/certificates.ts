/** Certificates of the front's TLS listeners: several by the name that a client asks for, read again when files change. */
import { constants, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import * as tls from "node:tls";
import { limits } from "../../shared/limits.ts";

export interface CertificateFiles {
  /** PEM files of the chain and the key, in pairs; the first serves clients that ask for no name or an unknown one. */
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
  /** PEM file of the CAs whose client certificates are good; clients are asked for one then. */
  readonly clientCa?: string;
}

interface Loaded {
  readonly text: string;
  readonly first: tls.SecureContextOptions;
  readonly named: readonly { readonly leaf: X509Certificate; readonly context: tls.SecureContext }[];
}

/** Forward secrecy and authenticated encryption alone (RFC 9325 section 4.2), which HTTP/2 asks for, too (RFC 9113 section 9.2). */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

export class Certificates {
  readonly asksClients: boolean;
  readonly #files: CertificateFiles;
  #loaded: Loaded;
  /** Contents that cannot be used and were told of. */
  #refused: string | undefined;
  readonly #listeners: ((options: tls.SecureContextOptions) => void)[] = [];

  /** @throws Error that names the file and says what is wrong with it */
  constructor(files: CertificateFiles) {
    this.#files = files;
    this.asksClients = files.clientCa !== undefined;
    this.#loaded = load(files, readAll(files));
  }

  /** When the first of them ends, in milliseconds since 1970. */
  get notAfterMs(): number {
    return Math.min(...this.#loaded.named.map(({ leaf }) => leaf.validToDate.getTime()));
  }

  /** For clients that ask for no name. */
  get first(): tls.SecureContextOptions {
    return this.#loaded.first;
  }

  /** @param name as the client asks for it (RFC 6066 section 3) @returns undefined: the first is as good as any */
  contextFor(name: string): tls.SecureContext | undefined {
    return this.#loaded.named.find(({ leaf }) => isFor(leaf, name))?.context;
  }

  /** Called with each new first certificate. */
  onChange(listener: (options: tls.SecureContextOptions) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads the files again. What cannot be used changes nothing: it may be half-written.
   * @returns whether there are new ones; an Error: why the new contents are not used, once for each
   */
  reload(): boolean | Error {
    let text: string | undefined;
    try {
      const contents = readAll(this.#files);
      text = contents.join("\n");
      if (text === this.#loaded.text) return false;
      this.#loaded = load(this.#files, contents);
    } catch (error) {
      const known = text ?? (error as Error).message;
      if (known === this.#refused) return false;
      this.#refused = known;
      return error as Error;
    }
    this.#refused = undefined;
    for (const listener of this.#listeners) listener(this.#loaded.first);
    return true;
  }
}

function isFor(leaf: X509Certificate, name: string): boolean {
  try {
    return leaf.checkHost(name) !== undefined;
  } catch {
    // No name that a host can have.
    return false;
  }
}

/** Chain and key of each pair in turn, then the CAs. */
function readAll({ pairs, clientCa }: CertificateFiles): string[] {
  const files = [...pairs.flatMap(({ cert, key }) => [cert, key]), ...(clientCa === undefined ? [] : [clientCa])];
  return files.map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw new Error(`cannot read ${file}: ${(error as Error).message}`);
    }
  });
}

function load({ pairs, clientCa }: CertificateFiles, contents: readonly string[]): Loaded {
  const ca = clientCa === undefined ? undefined : authoritiesOf(clientCa, contents.at(-1) ?? "");
  const loaded = pairs.map((files, at) => {
    const [cert = "", key = ""] = contents.slice(at * 2, at * 2 + 2);
    return loadPair(files, { cert, key, ...(ca !== undefined && { ca }) }, ca !== undefined);
  });
  const [first] = loaded;
  if (first === undefined) throw new Error("there is no certificate");
  return { text: contents.join("\n"), first: first.options, named: loaded };
}

function loadPair(files: CertificateFiles["pairs"][number], pem: tls.SecureContextOptions, asksClients: boolean) {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(pem.cert as string);
  } catch (error) {
    throw new Error(`${files.cert} holds no certificate in PEM: ${(error as Error).message}`);
  }
  const options: tls.SecureContextOptions = {
    ...pem,
    ciphers: CIPHERS,
    minVersion: "TLSv1.2",
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      // A session that is resumed would outlive what the CAs of clients say now.
      (asksClients ? constants.SSL_OP_NO_TICKET : 0),
  };
  try {
    return { leaf, options, context: tls.createSecureContext(options) };
  } catch (error) {
    throw new Error(`${files.cert} and ${files.key} do not make a certificate: ${(error as Error).message}`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function authoritiesOf(file: string, text: string): string[] {
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error(`${file} holds no certificate in PEM`);
  return found;
}

/** Looks at the files now and then, and when it is told to. @returns ends it */
export function watchCertificates(certificates: Certificates, say: (sentence: string) => void): () => void {
  const look = (): void => {
    const result = certificates.reload();
    if (result === true) say("new certificates are in use");
    else if (result !== false) say(`the certificates from before stay in use: ${result.message}`);
  };
  const timer = setInterval(look, limits.front.certificateCheckMs).unref();
  process.on("SIGHUP", look);
  return () => {
    clearInterval(timer);
    process.off("SIGHUP", look);
  };
}
