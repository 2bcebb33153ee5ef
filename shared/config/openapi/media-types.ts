/** Media types and ranges as keys of `content` (OpenAPI 3.1.1 section 4.8.14). */

const RANGE = /^(?:[!#$%&'^_`|~0-9a-z.+-]+\/(?:[!#$%&'^_`|~0-9a-z.+-]+|\*)|\*\/\*)$/;

/** @returns lower case, without parameters; undefined for what is neither a type nor a range */
export function readMediaType(key: string): string | undefined {
  const [type = ""] = key.split(";");
  const plain = type.trim().toLowerCase();
  return RANGE.test(plain) ? plain : undefined;
}

/** More specific ones come first (section 4.8.13.1); equal ones by name, so that the same meaning has the same text. */
export function bySpecificity(a: { readonly mediaType: string }, b: { readonly mediaType: string }): number {
  const rank = ({ mediaType }: { readonly mediaType: string }): number =>
    mediaType === "*/*" ? 2 : mediaType.endsWith("/*") ? 1 : 0;
  return rank(a) - rank(b) || (a.mediaType < b.mediaType ? -1 : 1);
}

/** A form whose fields are written as a query's. */
export const isFormField = (mediaType: string): boolean => mediaType === "application/x-www-form-urlencoded";
/** A form whose fields are parts with a type of their own. */
export const isFormPart = (mediaType: string): boolean => mediaType === "multipart/form-data";

/** Content whose values are text, so that their types have to be known. */
export const isForm = (mediaType: string): boolean =>
  ["application/x-www-form-urlencoded", "multipart/form-data", "multipart/*", "application/*", "*/*"].includes(
    mediaType,
  );
