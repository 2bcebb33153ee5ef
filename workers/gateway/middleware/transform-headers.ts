import type { MiddlewareHandler } from "hono";
import { SelvageError, type Sent } from "../../../shared/errors.ts";
import {
  applyHeaderEdits,
  type EditableFields,
  isEmptyEdit,
  MissingSecret,
} from "../../../shared/policy/header-edits.ts";
import type { HeaderEdits } from "../../../shared/policy/settings.ts";
import type { Env } from "../env.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** The document's edits: to the request before it goes on, to the answer after it came. */
export function transformHeaders(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { request, response } = c.get("route").transform;
    edit(c.get("fields"), request, c.env, "none");
    await next();
    edit(c.res.headers, response, c.env, "body");
  };
}

function edit(fields: EditableFields, edits: HeaderEdits, env: Env, sent: Sent): void {
  if (isEmptyEdit(edits)) return;
  try {
    applyHeaderEdits(fields, edits, (name) => env[`SECRET_${name}`]);
  } catch (cause) {
    if (cause instanceof MissingSecret) throw new SelvageError("secret_missing", cause.message, { cause, sent });
    throw cause;
  }
}
