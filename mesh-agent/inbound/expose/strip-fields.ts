/** The fields that go on to the application: the client's without what would be believed there, and what the edge itself says. */
import { setsOwnCookie } from "../../../shared/http/cookies.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import { forwardingFields } from "../../../shared/http/forwarding-fields.ts";
import { inwardFields } from "../../../shared/policy/inward-fields.ts";
import type { Stage } from "../../proxy/call.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const stripFields: Stage<ExposedCall> = (call, next) => {
  const { fields } = call.exchange.head;
  const names = [...fields].map(([name]) => name.toLowerCase());
  const received = { names, field: call.field, dropped: call.dropped, believed: call.held.believed };
  const { authority } = call.target;
  const { ended, cookies } = inwardFields(received);
  const gone = new Set(ended);
  fields.removeWhere((name) => gone.has(name));
  if (cookies !== undefined) fields.set("cookie", cookies);
  for (const [name, value] of forwardingFields({ clientIp: call.facts.clientIp, authority, scheme: "https" }))
    fields.set(name, value);
  call.onAnswer(dropOwnCookies);
  next();
};

/** Cookies in the name of a gateway are no application's to set. */
function dropOwnCookies({ fields }: { readonly fields: FieldList }): void {
  const cookies = fields.getAll("set-cookie");
  if (!cookies.some(setsOwnCookie)) return;
  fields.remove("set-cookie");
  for (const cookie of cookies) if (!setsOwnCookie(cookie)) fields.append("set-cookie", cookie);
}
