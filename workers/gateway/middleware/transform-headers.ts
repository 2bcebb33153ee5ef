import type { Sent } from "../../../shared/errors.ts";
import { applyHeaderEdits, type EditableFields, isEmptyEdit } from "../../../shared/policy/header-edits.ts";
import type { HeaderEdits } from "../../../shared/policy/settings.ts";
import type { Env } from "../env.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import { secretsOf, withSecretCode } from "../upstream/secrets.ts";
import type { Stage } from "../upstream/stages.ts";

/** The document's edits: to the request before it goes on, to the answer after it came. */
export function transformHeaders(): Stage {
  return {
    enter: (c) => {
      const { request } = c.get("route").transform;
      if (!isEmptyEdit(request)) edit(c.get("fields"), request, c.env, "none");
      return undefined;
    },
    leave: (c) => {
      const { response } = c.get("route").transform;
      if (!isEmptyEdit(response)) edit(answerHeaders(c), response, c.env, "body");
    },
  };
}

function edit(fields: EditableFields, edits: HeaderEdits, env: Env, sent: Sent): void {
  try {
    applyHeaderEdits(fields, edits, secretsOf(env));
  } catch (cause) {
    throw withSecretCode(cause, sent);
  }
}
