/** Certificates that clients showed, read once and remembered: what a text says never changes, only whether it counts. */
import type { FingerprintedCertificate } from "../../../shared/auth/certificate-rules.ts";
import type { ShownCertificate } from "../../../shared/auth/client-connection.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { sha256Base64url } from "../upstream/sha256.ts";

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
    return this.#known.get(`${form} ${text}`) ?? this.#parse(form, text);
  }

  async #parse(form: string, text: string): Promise<FingerprintedCertificate | string> {
    const { derOfClientCert, derOfEscapedPem, readCertificate } = await import("../../../shared/auth/certificate.ts");
    const der = form === "rfc9440" ? derOfClientCert(text) : derOfEscapedPem(text);
    if (typeof der === "string") return der;
    const certificate = readCertificate(der);
    if (typeof certificate === "string") return certificate;
    const found = { ...certificate, fingerprint: await sha256Base64url(new Uint8Array(der)) };
    this.#known.set(`${form} ${text}`, found);
    return found;
  }
}
