/** Checks of token binding and of who is believed on a client's connection. */
import { HOP_BY_HOP } from "../http/header-names.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkBound(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const providers = gateway.get("identity").entries.flatMap(([, provider]) => provider.entries);
  return [
    ...providers.flatMap(([, settings]) => checkBinding(settings)),
    ...checkTerminator(gateway.get("tlsTerminator")),
  ];
}

/** A token is bound to one thing. */
function checkBinding(settings: Cursor): DocumentProblem[] {
  const [certificate, nonce] = [settings.get("certificateBound"), settings.get("dpopNonce")];
  if (certificate.text !== "required") return [];
  if (settings.get("dpop").text === "required")
    return [error("SLV3009", certificate.path, "a token is bound to a DPoP key or to a certificate, not to both")];
  if (nonce.value === true)
    return [error("SLV3009", nonce.path, "certificate-bound tokens come without a DPoP proof, so there is no nonce")];
  return [];
}

function checkTerminator(terminator: Cursor): DocumentProblem[] {
  const header = terminator.get("escapedPemHeader");
  const name = header.text?.toLowerCase() ?? "";
  const problems = terminator
    .get("addresses")
    .items.filter(({ text }) => /\/0+$/.test(text ?? ""))
    .map(({ path, text }) =>
      warning("SLV3015", path, `${text} is every address: whoever reaches the gateway can claim any certificate`),
    );
  if (HOP_BY_HOP.has(name) || OTHERS.has(name) || name.startsWith("selvage-"))
    problems.push(
      error("SLV3009", header.path, `the header ${name} has another meaning and cannot carry a certificate in PEM`),
    );
  return problems;
}

const OTHERS = new Set([
  ...["authorization", "dpop", "host", "cookie", "content-length", "content-type", "expect"],
  ...["traceparent", "tracestate", "txn-token", "forwarded", "via", "client-cert", "client-cert-chain"],
  ...["x-forwarded-proto", "x-forwarded-host", "x-forwarded-for"],
]);
