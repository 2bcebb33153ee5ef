/**
 * What the user's own code needs of the gateway. It is given to what runs code, which is loaded apart: each module that both import
 * would be a file of its own for all.
 */
import { isForgeable } from "../../../shared/http/header-names.ts";
import { fieldFault } from "../../../shared/policy/custom-code.ts";
import { callTarget } from "./call-target.ts";
import { dropEnding, withoutEnding } from "./ending-fields.ts";
import { fillSecrets } from "./secrets.ts";

export const codeMeans = { callTarget, dropEnding, fieldFault, fillSecrets, isForgeable, withoutEnding };
