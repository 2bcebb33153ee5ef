/** That who renews has the key that was certified last, see `shared/wire/enrolment.ts`. */
import { type RenewRequest, renewalProofInput } from "../../../shared/wire/enrolment.ts";
import { joinInput } from "../../../shared/wire/joining.ts";
import { isSignedBy, knownAs } from "./key-proof.ts";

/** @param certified `keyHash` in the token; absent: one of an older agent, which proves nothing */
export async function provesKey(
  { csr, key, proof, enrolment }: RenewRequest,
  certified: string | undefined,
): Promise<boolean> {
  if (certified === undefined || (await knownAs(key)) !== certified) return false;
  if (!(await isSignedBy(key, proof, renewalProofInput(csr)))) return false;
  return enrolment === undefined || isSignedBy(key, enrolment.proof, joinInput.renew(csr, enrolment.key));
}
