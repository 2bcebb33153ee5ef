/** Which of several schemas a value means to be, by one of its properties (OpenAPI 3.1, section 4.8.25): a hint, for what is told. */
import type { CompiledObject } from "../../shared/contract/schema-types.ts";
import type { Compilation } from "./compilation.ts";
import { isEntries, type Place } from "./schema-documents.ts";

/** @returns undefined where a branch has no name: then the property decides nothing */
export function compileDiscriminator(
  { documents }: Compilation,
  place: Place,
): CompiledObject["discriminator"] | undefined {
  const { value, resource } = place;
  if (!resource.dialect.name.startsWith("openapi") || !isEntries(value) || !isEntries(value.discriminator))
    return undefined;
  const { propertyName, mapping } = value.discriminator;
  const list = Array.isArray(value.oneOf) ? value.oneOf : value.anyOf;
  if (typeof propertyName !== "string" || !Array.isArray(list)) return undefined;
  const targets = list.map((branch) =>
    isEntries(branch) && typeof branch.$ref === "string" ? documents.find(branch.$ref, place)?.key : undefined,
  );
  const branches = new Map<string, number>();
  for (const [name, reference] of Object.entries(isEntries(mapping) ? mapping : {})) {
    const index = targets.indexOf(targetOf(documents.find.bind(documents), String(reference), place)?.key);
    if (index !== -1) branches.set(name, index);
  }
  targets.forEach((target, index) => {
    const name = target?.slice(target.lastIndexOf("/") + 1);
    if (name !== undefined && ![...branches.values()].includes(index)) branches.set(name, index);
  });
  const isWhole = list.every((_, index) => [...branches.values()].includes(index));
  return isWhole ? { propertyName, branches: Object.fromEntries(branches) } : undefined;
}

/** The name of a component, or a reference. */
function targetOf(
  find: (reference: string, from: Place) => Place | undefined,
  reference: string,
  place: Place,
): Place | undefined {
  const component = /^[\w.-]+$/.test(reference) ? find(`#/components/schemas/${reference}`, place) : undefined;
  return component ?? find(reference, place);
}
