import { queryParameters, type TxnContextSettings, txnContext } from "../../../shared/auth/txn-context.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { type IdentityHeaders, identityFields } from "../../../shared/policy/identity-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** What those behind the gateway are told of who asks: by header fields, and by the context of the transaction token. */
export function tellIdentity(): Stage {
  return {
    enter: (c) => {
      const { identityHeaders, context } = c.get("route");
      if (identityHeaders !== undefined) tellFields(c, identityHeaders);
      if (context !== undefined) tellContext(c, context);
      return undefined;
    },
  };
}

/** Client copies went with `strip-fields`; what an edit of the document put there gives way, too. */
function tellFields(c: Context<GatewayEnv>, headers: IdentityHeaders): void {
  const { fields, refused } = identityFields(headers, c.get("identity"));
  if (refused !== undefined) throw new SelvageError("not_permitted", refused);
  for (const [name, value] of fields) c.get("fields").set(name, value);
}

function tellContext(c: Context<GatewayEnv>, settings: TxnContextSettings): void {
  const query = settings.ofRequest ? queryParameters(new URLSearchParams(c.get("target").query)) : {};
  const context = txnContext(settings, { identity: c.get("identity"), path: c.get("params"), query });
  if ("refused" in context) throw new SelvageError(context.code, context.refused);
  c.set("context", context);
}
