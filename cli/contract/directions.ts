/**
 * Properties of one direction: what is `readOnly` is not required of requests, what is `writeOnly` not of responses (OpenAPI 3.0.3,
 * section 4.7.24.2). A schema can require what another one declares, so that all that apply at one place are asked.
 */
import type { CompiledObject } from "../../shared/contract/schema-types.ts";
import type { Compilation, Flags } from "./compilation.ts";
import { isEntries, type Place } from "./schema-documents.ts";

const NONE: Flags = new Map();
const REFERENCES_MAX = 16;

export function directionsOf(compilation: Compilation, place: Place): Flags {
  const known = compilation.flags.get(place.key);
  if (known !== undefined) return known;
  // What a schema that refers to itself says of itself adds nothing.
  compilation.flags.set(place.key, NONE);
  const flags = new Map<string, "readOnly" | "writeOnly">();
  for (const { keyword, step, place: inner } of place.inner) {
    if (keyword === "properties") {
      const flag = directionOf(compilation, inner, REFERENCES_MAX);
      if (flag !== undefined && step !== undefined) flags.set(step, flag);
    } else if (/^(?:allOf|anyOf|oneOf|then|else)$/.test(keyword))
      for (const [name, flag] of directionsOf(compilation, inner)) flags.set(name, flag);
  }
  const target = referenceOf(compilation, place);
  if (target !== undefined) for (const [name, flag] of directionsOf(compilation, target)) flags.set(name, flag);
  compilation.flags.set(place.key, flags);
  return flags;
}

/** The names required in both directions, in responses and in requests. */
export function splitRequired(
  required: readonly string[],
  flags: Flags,
): Pick<CompiledObject, "required" | "requiredRead" | "requiredWrite"> {
  const read = required.filter((name) => flags.get(name) === "readOnly");
  const write = required.filter((name) => flags.get(name) === "writeOnly");
  return {
    required: required.filter((name) => !flags.has(name)),
    ...(read.length > 0 && { requiredRead: read }),
    ...(write.length > 0 && { requiredWrite: write }),
  };
}

function directionOf(compilation: Compilation, place: Place, left: number): "readOnly" | "writeOnly" | undefined {
  if (!isEntries(place.value) || left === 0) return undefined;
  if (place.value.readOnly === true) return "readOnly";
  if (place.value.writeOnly === true) return "writeOnly";
  const target = referenceOf(compilation, place);
  const targets = target === undefined ? [] : [target];
  for (const { keyword, place: inner } of place.inner) if (keyword === "allOf") targets.push(inner);
  for (const one of targets) {
    const flag = directionOf(compilation, one, left - 1);
    if (flag !== undefined) return flag;
  }
  return undefined;
}

function referenceOf({ documents }: Compilation, place: Place): Place | undefined {
  if (!isEntries(place.value) || typeof place.value.$ref !== "string") return undefined;
  return documents.find(place.value.$ref, place);
}
