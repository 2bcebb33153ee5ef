/** Certificate and key of a public listener, read from files again when they change: whoever renews them needs to tell nobody. */
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { limits } from "../../shared/limits.ts";
import type { TlsIdentity } from "../proxy/tls-peer.ts";

export interface CertificatePaths {
  /** PEM: the certificate, then its issuers. */
  readonly cert: string;
  /** PEM, without a passphrase. */
  readonly key: string;
}

export class CertificateFiles {
  readonly #paths: CertificatePaths;
  #identity: TlsIdentity;
  #seen: string;
  #timer: NodeJS.Timeout | undefined;

  /** @throws with a sentence for people when they cannot be used */
  constructor(paths: CertificatePaths) {
    this.#paths = paths;
    this.#seen = lookOf(paths);
    this.#identity = readPair(paths);
  }

  get identity(): TlsIdentity {
    return this.#identity;
  }

  /**
   * Looks at the files from now on.
   * @param onChange there is another certificate
   * @param onTrouble there is one that cannot be used; the last good one stays
   */
  watch(onChange: () => void, onTrouble: (reason: string) => void): void {
    const look = (): void => {
      if (lookOf(this.#paths) !== this.#seen) this.reload(onChange, onTrouble);
    };
    this.#timer = setInterval(look, limits.expose.certificateLookMs);
    this.#timer.unref();
  }

  /** Reads the files now, changed or not. */
  reload(onChange: () => void, onTrouble: (reason: string) => void): void {
    this.#seen = lookOf(this.#paths);
    try {
      const identity = readPair(this.#paths);
      if (identity.cert === this.#identity.cert && identity.key === this.#identity.key) return;
      this.#identity = identity;
    } catch (error) {
      onTrouble((error as Error).message);
      return;
    }
    onChange();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Another text when one of the files was written or replaced. */
function lookOf({ cert, key }: CertificatePaths): string {
  return [cert, key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? "none" : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    })
    .join("\n");
}

function readPair({ cert, key }: CertificatePaths): TlsIdentity {
  const identity = { cert: readText(cert), key: readText(key), ca: [] };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw new Error(`${cert} and ${key} are no certificate with its key in PEM: ${(error as Error).message}`);
  }
  return identity;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`);
  }
}
