/** That the gateway itself sends this very request, once: the edge cannot be passed by. */
import { bodyDigestOf, type ReceivedProof } from "../../shared/auth/hop-proof.ts";
import { SelvageError } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { parseForwarded } from "../../shared/http/forwarding-fields.ts";
import { BODY, CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT } from "../../shared/http/header-names.ts";
import type { Call, Stage } from "../proxy/call.ts";
import { DigestedBody } from "./digested-body.ts";
import type { HopVerifier } from "./hop-verifier.ts";

/** Lets nothing through without a proof; takes the proof away, and lets a body end only when it fits its digest. */
export function requireHopProof(verifier: HopVerifier): Stage {
  return (call, next) => {
    const { head } = call.exchange;
    const proof = verifier.verify(head, Date.now());
    bindBody(call, proof);
    keepClients(head.fields, SIGNATURE_INPUT, proof.clientInput);
    keepClients(head.fields, SIGNATURE, proof.clientSignature);
    stateForwarding(head.fields);
    next();
  };
}

function bindBody(call: Call, { covered }: ReceivedProof): void {
  const { fields, bodyLength } = call.exchange.head;
  const stated = covered.includes(CONTENT_DIGEST) ? bodyDigestOf(fields.getAll(CONTENT_DIGEST).join(", ")) : undefined;
  if (stated !== undefined) {
    call.body = new DigestedBody(call.body, stated, () =>
      call.fail(new SelvageError("body_altered", `the body does not have its ${stated.algorithm}`, { sent: "body" })),
    );
    if (bodyLength === 0) DigestedBody.checkEmpty(stated);
  } else if (bodyLength !== 0 && !covered.includes(BODY))
    throw new SelvageError("hop_proof_invalid", "there is a body, of which the gateway's proof says nothing");
}

function keepClients(fields: FieldList, name: string, value: string): void {
  if (value === "") fields.remove(name);
  else fields.set(name, value);
}

/** What stands between may add to these fields, so they are made anew from the one that the proof covers. */
function stateForwarding(fields: FieldList): void {
  const said = parseForwarded(fields.get("forwarded"));
  fields.removeWhere((name) => name.startsWith("x-forwarded-"));
  for (const [name, value] of said) fields.append(name, value);
}
