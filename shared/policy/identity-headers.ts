/** What an upstream is told of the identity by header fields that the document names. */
import { asRead } from "../http/header-names.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { Template } from "./settings.ts";
import { lookUp, type TemplateScope } from "./template.ts";
import { encodedText } from "./value-text.ts";

/** Lower-case name to the template of its value. */
export type IdentityHeaders = Readonly<Record<string, Template>>;

export type IdentityFields =
  | { readonly fields: readonly (readonly [name: string, value: string])[]; readonly refused?: never }
  /** For operators. */
  | { readonly refused: string; readonly fields?: never };

/**
 * The fields for one identity. One whose template names what the identity does not have is left out; nobody who is anonymous
 * has any. Too long ones refuse the request: a part of the groups, or no tenant, could mean something else to an upstream.
 */
export function identityFields(headers: IdentityHeaders, identity: Identity): IdentityFields {
  if (identity.method === "anonymous") return { fields: [] };
  const { valueCharsMax, charsMax } = limits.identityHeaders;
  const scope = { identity };
  const fields: [string, string][] = [];
  let chars = 0;
  for (const [name, template] of Object.entries(headers)) {
    const value = fill(template, scope);
    if (value === undefined || value === "") continue;
    if (value.length > valueCharsMax) return { refused: `${name} has ${value.length} characters` };
    chars += name.length + value.length;
    fields.push([name, value]);
  }
  return chars > charsMax ? { refused: `the identity headers have ${chars} characters` } : { fields };
}

/** Names of a client's own fields that are read as one of those declared. @param fields names in lower case */
export function forgedFields(declared: readonly string[], fields: Iterable<string>): string[] {
  const read = declared.map(asRead);
  return [...fields].filter((name) => read.includes(asRead(name)));
}

function fill(template: Template, scope: TemplateScope): string | undefined {
  let text = "";
  for (const piece of template) {
    const value = typeof piece === "string" ? piece : encodedText(lookUp(scope, piece));
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}
