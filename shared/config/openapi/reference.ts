/** `$ref`: a JSON pointer in this file, or in another one beside it. Nothing is ever fetched. */
import { decodeEscapes } from "../../http/escapes.ts";
import { parsePointer } from "../../http/json-pointer.ts";

export type Reference =
  | { readonly file: string; readonly pointer: readonly string[]; readonly fault?: never }
  | { readonly fault: string };

/**
 * @param ref as it is written
 * @param from the file that it stands in, as the document finds it
 */
export function readReference(ref: string, from: string): Reference {
  const hash = ref.indexOf("#");
  const [path, fragment] = hash < 0 ? [ref, ""] : [ref.slice(0, hash), ref.slice(hash + 1)];
  const name = decodeEscapes(path);
  const place = decodeEscapes(fragment);
  if (name === undefined || place === undefined) return { fault: "it has an escape that is none" };
  const pointer = parsePointer(place);
  if (pointer === undefined) return { fault: "what follows # is no JSON pointer such as #/components/schemas/Pet" };
  if (name === "") return { file: from, pointer };
  if (/^[A-Za-z][A-Za-z0-9+.-]*:|^\/\//.test(name)) return { fault: "nothing is fetched: name a file beside this one" };
  const file = fileBeside(name, from);
  return file === undefined ? { fault: "it leads out of the document's folder" } : { file, pointer };
}

/** @returns the name from the document's folder; undefined for what is outside of it */
function fileBeside(name: string, from: string): string | undefined {
  if (/^[/\\]|[\\\0]|\?/.test(name)) return undefined;
  const steps = from.split("/").slice(0, -1);
  for (const step of name.split("/"))
    if (step === "..") {
      if (steps.pop() === undefined) return undefined;
    } else if (step !== "." && step !== "") steps.push(step);
  return steps.length === 0 ? undefined : steps.join("/");
}
