/** The document's edits of request and answer, and what the application is told of who asks. */
import { SelvageError } from "../../../shared/errors.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import { applyHeaderEdits, isEmptyEdit } from "../../../shared/policy/header-edits.ts";
import { identityFields } from "../../../shared/policy/identity-headers.ts";
import type { HeaderEdits } from "../../../shared/policy/settings.ts";
import type { Stage } from "../../proxy/call.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const shapeFields: Stage<ExposedCall> = (call, next) => {
  const { transform, identityHeaders } = call.match.route;
  const { fields } = call.exchange.head;
  edit(fields, transform.request);
  call.onAnswer((head) => edit(head.fields, transform.response));
  if (identityHeaders !== undefined) {
    const told = identityFields(identityHeaders, call.identity);
    if (told.refused !== undefined) throw new SelvageError("not_permitted", told.refused);
    // What an edit of the document put there gives way.
    for (const [name, value] of told.fields) fields.set(name, value);
  }
  next();
};

function edit(fields: FieldList, edits: HeaderEdits): void {
  if (isEmptyEdit(edits)) return;
  const editable = {
    delete: (name: string) => fields.remove(name),
    set: (name: string, value: string) => fields.set(name, value),
    append: (name: string, value: string) => fields.append(name, value),
  };
  // A document with secrets here is refused: agents have none.
  applyHeaderEdits(editable, edits, () => undefined);
}
