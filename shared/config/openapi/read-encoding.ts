/** How fields of forms are written (OpenAPI 3.1.1 section 4.8.15), where a description says more than what their schema implies. */
import type { FieldEncoding, ValueShape } from "../../contract/contract.ts";
import { shapeOf } from "../../contract/text-value.ts";
import { limits } from "../../limits.ts";
import { isFormField, isFormPart, readMediaType } from "./media-types.ts";
import { explodeOf, styleOf, stylesOf } from "./parameter-style.ts";
import type { Reading } from "./reading.ts";
import type { SpecPlace } from "./spec-place.ts";

const FORM = "SLV3143";
const STYLED = ["style", "explode", "allowReserved"];

/**
 * @param media the entry of `content`
 * @param shape of all of its content
 * @returns by name; of other content than forms `encoding` says nothing (section 4.8.14.1)
 */
export function readEncoding(
  media: SpecPlace,
  mediaType: string,
  shape: ValueShape | undefined,
  reading: Reading,
): FieldEncoding[] {
  const stated = media.get("encoding");
  if (!stated.exists || !(isFormField(mediaType) || isFormPart(mediaType))) return [];
  const read = isFormField(mediaType) ? readField : readPart;
  const found = reading.members(stated, "encoding").flatMap(([name, place]) => {
    if (place.isMapping && name.length <= limits.openapi.nameCharsMax)
      return read(name, place, shapeOf(shape, name), reading) ?? [];
    reading.error(FORM, place, "the encoding of a field is a mapping");
    return [];
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As a parameter of a query; what says so leaves `contentType` without a meaning. */
function readField(
  name: string,
  place: SpecPlace,
  shape: ValueShape | undefined,
  reading: Reading,
): FieldEncoding | undefined {
  const own = { name, in: "query", required: false, ...(shape !== undefined && { shape }) } as const;
  if (!STYLED.some((key) => place.get(key).exists)) {
    const [mediaType] = typesOf(place, reading) ?? [];
    return mediaType === undefined ? undefined : { name, as: { ...own, mediaType } };
  }
  const style = styleOf("query", place.get("style").value);
  if (style === undefined) {
    reading.error(FORM, place.get("style"), "there is no such style in forms", {
      expected: stylesOf("query").join(", "),
    });
    return undefined;
  }
  const explode = explodeOf(style, place.get("explode").value);
  const isReserved = place.get("allowReserved").value === true;
  return { name, as: { ...own, style, explode, ...(isReserved && { allowReserved: true as const }) } };
}

function readPart(
  name: string,
  place: SpecPlace,
  _: ValueShape | undefined,
  reading: Reading,
): FieldEncoding | undefined {
  const types = typesOf(place, reading);
  return types && { name, types };
}

/** @returns undefined where none is said, or what is said is none */
function typesOf(place: SpecPlace, reading: Reading): string[] | undefined {
  const stated = place.get("contentType");
  if (!stated.exists) return undefined;
  const types = (stated.text ?? "").split(",").map(readMediaType);
  if (types.every((type) => type !== undefined)) return types;
  reading.error(FORM, stated, "`contentType` has media types or ranges, separated by commas");
  return undefined;
}
