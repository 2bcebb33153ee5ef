import type { HeaderEdits } from "./settings.ts";

/** The part of a platform's header object that edits need. */
export interface EditableFields {
  delete(name: string): void;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
}

/** A `${secret:NAME}` that has no value here. */
export class MissingSecret extends Error {
  readonly secretName: string;
  constructor(secretName: string) {
    super(`secret ${secretName} is not set`);
    this.name = "MissingSecret";
    this.secretName = secretName;
  }
}

const SECRET = /\$\{secret:([A-Za-z0-9_]+)\}/g;

/**
 * Applies edits in the order remove, set, add.
 * @param secret value of a secret, or undefined when there is none
 * @throws MissingSecret before anything is changed
 */
export function applyHeaderEdits(
  fields: EditableFields,
  edits: HeaderEdits,
  secret: (name: string) => string | undefined,
): void {
  const set = resolve(edits.set, secret);
  const add = resolve(edits.add, secret);
  for (const name of edits.remove) fields.delete(name);
  for (const [name, value] of set) fields.set(name, value);
  for (const [name, value] of add) fields.append(name, value);
}

/** True when there is nothing to do. */
export function isEmptyEdit(edits: HeaderEdits): boolean {
  for (const _ in edits.set) return false;
  for (const _ in edits.add) return false;
  return edits.remove.length === 0;
}

function resolve(
  values: Readonly<Record<string, string>>,
  secret: (name: string) => string | undefined,
): [name: string, value: string][] {
  return Object.entries(values).map(([name, value]) => [name, withSecrets(value, secret)]);
}

/**
 * A text with the values of its `${secret:NAME}`.
 * @throws MissingSecret
 */
export function withSecrets(text: string, secret: (name: string) => string | undefined): string {
  return text.replace(SECRET, (_, secretName: string) => {
    const found = secret(secretName);
    if (found === undefined) throw new MissingSecret(secretName);
    return found;
  });
}
