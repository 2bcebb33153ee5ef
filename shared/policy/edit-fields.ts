/** Edits of header fields by what the request holds. */
import { splitList } from "../cache/directives.ts";
import { type Filling, fieldValue } from "./edit-value.ts";
import type { EditableFields } from "./header-edits.ts";
import type { EditValue, FieldEdits } from "./reshape.ts";

export interface ReadableFields extends EditableFields {
  get(name: string): string | null;
}

/**
 * Applies edits in the order remove, rename, set, add, append. Values are made of what was there before any of them. What is set
 * to a value that is not there is removed: a client's own word never stands where the gateway's would.
 * @throws MissingSecret, and whatever `filling.tooLong` throws, before anything is changed
 */
export function editFields(fields: ReadableFields, edits: FieldEdits, filling: Filling): void {
  const [set, add, append] = [filled(edits.set, filling), filled(edits.add, filling), filled(edits.append, filling)];
  for (const name of edits.remove ?? []) fields.delete(name);
  for (const [from, to] of Object.entries(edits.rename ?? {})) rename(fields, from, to);
  for (const [name, value] of set)
    if (value === undefined) fields.delete(name);
    else fields.set(name, value);
  for (const [name, value] of add) if (value !== undefined) fields.append(name, value);
  for (const [name, value] of append) if (value !== undefined) appendMember(fields, name, value);
}

function filled(
  values: Readonly<Record<string, EditValue>> | undefined,
  filling: Filling,
): [name: string, value: string | undefined][] {
  return Object.entries(values ?? {}).map(([name, value]) => [name, fieldValue(value, filling)]);
}

function rename(fields: ReadableFields, from: string, to: string): void {
  const value = fields.get(from);
  if (value === null) return;
  fields.delete(from);
  fields.set(to, value);
}

function appendMember(fields: ReadableFields, name: string, value: string): void {
  const list = fields.get(name);
  if (list === null || list.trim() === "") fields.set(name, value);
  else if (!splitList(list).includes(value)) fields.set(name, `${list}, ${value}`);
}
