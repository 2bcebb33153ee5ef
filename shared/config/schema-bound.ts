/** The parts of the document about what binds a client to its credentials: token binding, client certificates, who terminates TLS. */
import * as z from "zod";
import { canonicalName } from "../auth/distinguished-name.ts";
import { limits } from "../limits.ts";
import { flag, headerName, list, network, text } from "./fields.ts";

const { listMax, terminatorsMax } = limits.clientCertificate;
const acceptance = z.enum(["accepted", "required"], { error: "accepted or required" });

/** Keys of every kind of provider whose credentials are access tokens. */
export const tokenBinding = {
  dpop: acceptance
    .optional()
    .describe("`required`: tokens must be bound to a DPoP key (RFC 9449). Bound tokens need their proof in any case."),
  dpopNonce: flag.optional().describe("Whether DPoP proofs must hold a nonce of the gateway. Default: false."),
  certificateBound: acceptance
    .optional()
    .describe("`required`: tokens must be bound to a client certificate (RFC 8705). Default: accepted."),
};

const issuer = text("a distinguished name such as CN=Devices CA,O=Example", /^[^\s=]+\s*=.{1,1023}$/s).refine(
  (value) => canonicalName(value) !== undefined,
  {
    error: "a distinguished name as RFC 4514 writes it, such as CN=Devices CA,O=Example",
  },
);

export const fingerprint = text(
  "a SHA-256 fingerprint: 64 hexadecimal digits, also with colons",
  /^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/,
);

export const clientCertificate = z.strictObject({
  subject: z
    .enum(["dns", "uri", "cn", "fingerprint"], { error: "dns, uri, cn or fingerprint" })
    .describe(
      "What names the client: the one DNS name or URI (SPIFFE) of the certificate, its common name, its SHA-256.",
    ),
  issuers: list(issuer)
    .max(listMax, { error: `a list of at most ${listMax}` })
    .optional()
    .describe("Distinguished names of accepted issuers. Default: whoever the terminator of TLS trusts."),
  fingerprints: list(fingerprint)
    .max(listMax, { error: `a list of at most ${listMax}` })
    .optional()
    .describe("SHA-256 of the accepted certificates. Default: every one."),
});

export const tlsTerminator = z.strictObject({
  addresses: list(network)
    .max(terminatorsMax, { error: `a list of at most ${terminatorsMax}` })
    .describe("From where its connections to the gateway come. Its word on scheme and certificate is believed."),
  escapedPemHeader: headerName
    .optional()
    .describe("Field with the client's certificate in escaped PEM, as nginx has it. Default: Client-Cert (RFC 9440)."),
});

export type TokenBindingConfig = z.infer<z.ZodObject<typeof tokenBinding>>;
export type ClientCertificateConfig = z.infer<typeof clientCertificate>;
export type TlsTerminatorConfig = z.infer<typeof tlsTerminator>;
