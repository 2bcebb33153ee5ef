/** Certificates that clients showed, read once and remembered: what a text says never changes, only whether it counts. */
import {
  type Certificate,
  derOfClientCert,
  derOfEscapedPem,
  readCertificate,
} from "../../../shared/auth/certificate.ts";
import type { FingerprintedCertificate } from "../../../shared/auth/certificate-rules.ts";
import type { ShownCertificate } from "../../../shared/auth/client-connection.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { sha256 } from "./sha256.ts";

export class ClientCertificates {
  readonly #known: BoundedMap<FingerprintedCertificate>;

  constructor() {
    const { rememberedMax, rememberedCharsMax } = limits.clientCertificate;
    this.#known = new BoundedMap(rememberedMax, rememberedCharsMax);
  }

  /** @returns the certificate, or why what was shown is none; a promise only for one that is not remembered */
  read(shown: ShownCertificate): FingerprintedCertificate | string | Promise<FingerprintedCertificate | string> {
    if (shown.form === "refused") return shown.reason;
    const { form, text } = shown;
    const known = this.#known.get(`${form} ${text}`);
    if (known !== undefined) return known;
    const der = form === "rfc9440" ? derOfClientCert(text) : derOfEscapedPem(text);
    if (typeof der === "string") return der;
    const certificate = readCertificate(der);
    if (typeof certificate === "string") return certificate;
    return this.#remember(`${form} ${text}`, certificate, der);
  }

  async #remember(key: string, certificate: Certificate, der: Uint8Array): Promise<FingerprintedCertificate> {
    const found = { ...certificate, fingerprint: await sha256(new Uint8Array(der)) };
    this.#known.set(key, found);
    return found;
  }
}
