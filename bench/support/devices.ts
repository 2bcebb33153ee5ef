/** Certificates of clients. */
import "reflect-metadata"; // before x509: its container of services needs the metadata at import
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** Devices of one issuer. Their keys are of no use here: the terminator has checked them. */
export async function newDevices(): Promise<{ certificate(number: number): Promise<string> }> {
  x509.cryptoProvider.set(webcrypto);
  const keys = (await webcrypto.subtle.generateKey(ECDSA, false, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const [notBefore, notAfter] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + DAY_MS)];
  const terms = { notBefore, notAfter, publicKey: keys.publicKey, signingKey: keys.privateKey };
  return {
    /** @returns base64 of its DER */
    certificate: async (number) => {
      const uri = { type: "url" as const, value: `spiffe://bench.example/device/${number}` };
      const issued = await x509.X509CertificateGenerator.create({
        ...terms,
        subject: `CN=device-${number}`,
        issuer: "CN=Devices CA",
        signingAlgorithm: ECDSA,
        extensions: [new x509.SubjectAlternativeNameExtension([uri])],
      });
      return issued.toString("base64");
    },
  };
}
