/** What JSON is as `application/x-www-form-urlencoded`: the way back of `form-to-json.ts`. */
import { isContainer } from "../../http/exact-json.ts";
import { exactNumber } from "../../http/raw-number.ts";
import { limits } from "../../limits.ts";
import { type Translation, Untranslatable } from "./translation.ts";

const { fieldsMax } = limits.forms;
const { nestedNamesMax } = limits.forms;

/** @throws Untranslatable where a value has no form: a mapping within the body that is not said to be `nested`, or a list of lists */
export function jsonToForm(value: unknown, { nested: isNested }: Pick<Translation, "nested">): string {
  const nested = isNested === true;
  if (!isContainer(value) || Array.isArray(value)) throw new Untranslatable("form", "a form is made of a mapping");
  const fields: string[] = [];
  const add = (name: string, one: unknown, depth: number): void => {
    if (one === null) return;
    if (!isContainer(one)) {
      if (fields.length >= fieldsMax)
        throw new Untranslatable("bounds", `as a form it has more than ${fieldsMax} fields`);
      fields.push(`${encoded(name)}=${encoded(exactNumber(one) ?? String(one))}`);
      return;
    }
    if (depth >= nestedNamesMax) throw new Untranslatable("bounds", `it is nested deeper than ${nestedNamesMax} names`);
    if (!Array.isArray(one)) {
      if (!nested)
        throw new Untranslatable(
          "form",
          `${JSON.stringify(name.slice(0, 40))} is a mapping, and names are not \`nested\``,
        );
      for (const [below, member] of Object.entries(one)) add(`${name}[${nameBelow(below)}]`, member, depth + 1);
    } else if (one.some(isContainer)) {
      if (!nested)
        throw new Untranslatable("form", `${JSON.stringify(name.slice(0, 40))} is a list of more than values`);
      for (const [at, member] of one.entries()) add(`${name}[${at}]`, member, depth + 1);
    } else for (const member of one) add(nested ? `${name}[]` : name, member, depth + 1);
  };
  for (const [name, member] of Object.entries(value)) add(nested ? nameBelow(name) : name, member, 1);
  const text = fields.join("&");
  if (text.length > limits.translation.writtenCharsMax)
    throw new Untranslatable("bounds", `as a form it has more than ${limits.translation.writtenCharsMax} characters`);
  return text;
}

/** One that could be read in two ways is no name. */
function nameBelow(name: string): string {
  if (name === "" || /[[\]]/.test(name))
    throw new Untranslatable("form", `${JSON.stringify(name.slice(0, 40))} cannot be a name in a nested form`);
  return name;
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text).replace(/[!'()~]|%20/g, (one) =>
      one === "%20" ? "+" : `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch {
    throw new Untranslatable("form", "a text is no Unicode");
  }
}
