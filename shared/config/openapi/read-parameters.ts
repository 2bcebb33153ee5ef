/** Parameters of operations, and fields of responses (OpenAPI 3.1.1 sections 4.8.12 and 4.8.21). */
import type { ContractParameter, ParameterStyle } from "../../contract/contract.ts";
import { limits } from "../../limits.ts";
import { quote } from "../schema-problems.ts";
import { readMediaType } from "./media-types.ts";
import { explodeOf, isParameterPlace, styleOf, stylesOf } from "./parameter-style.ts";
import type { Reading } from "./reading.ts";
import type { SpecPlace } from "./spec-place.ts";
import { shapeOf } from "./value-shape.ts";

const FORM = "SLV3143";
const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** They are described elsewhere, and ignored here (section 4.8.12.1). */
const OTHERWISE = ["accept", "content-type", "authorization"];

/** What is said of a path's operations, and by an operation itself, which counts more. */
export function readParameters(
  shared: SpecPlace,
  own: SpecPlace,
  names: readonly string[],
  operation: SpecPlace,
  reading: Reading,
): ContractParameter[] {
  const parameters = new Map([...readList(shared, reading), ...readList(own, reading)]);
  const inPath = [...parameters.values()].filter((one) => one.parameter.in === "path");
  for (const { parameter, place } of inPath)
    if (!names.includes(parameter.name))
      reading.error("SLV3145", place, `the path has no {${parameter.name}}`, {
        ...(names.length > 0 && { expected: names.map((name) => `{${name}}`).join(" or ") }),
      });
  for (const name of names)
    if (!inPath.some(({ parameter }) => parameter.name === name))
      reading.error("SLV3145", operation, `nothing describes {${name}} of the path`, {
        at: "key",
        expected: "a parameter with `in: path`",
      });
  return [...parameters.values()].map(({ parameter }) => parameter);
}

interface Read {
  readonly parameter: ContractParameter;
  readonly place: SpecPlace;
}

function readList(list: SpecPlace, reading: Reading): Map<string, Read> {
  const found = new Map<string, Read>();
  if (list.exists && !Array.isArray(list.value)) reading.error(FORM, list, "`parameters` is a list");
  const { membersMax } = limits.openapi;
  if (list.items.length > membersMax) reading.error("SLV1003", list, `there are more than ${membersMax} parameters`);
  for (const item of list.items.slice(0, membersMax)) {
    const place = reading.description.follow(item);
    const parameter = place && readParameter(place, reading);
    if (place === undefined || parameter === undefined) continue;
    const { in: within, name } = parameter;
    const key = `${within} ${within === "header" ? name.toLowerCase() : name}`;
    if (found.has(key)) reading.error(FORM, item, `the parameter ${quote(name)} in ${within} is described twice`);
    found.set(key, { parameter, place: item });
  }
  return found;
}

function readParameter(place: SpecPlace, reading: Reading): ContractParameter | undefined {
  if (!place.isMapping) return fail(reading, place, "a parameter is a mapping with `name` and `in`");
  const [name, within] = [place.get("name").text, place.get("in").text];
  if (name === undefined || name === "" || name.length > limits.openapi.nameCharsMax)
    return fail(reading, place, "a parameter needs a `name`");
  if (within === "querystring")
    return fail(reading, place.get("in"), "`in: querystring` is not read: describe the parameters one by one");
  if (!isParameterPlace(within))
    return fail(reading, place.get("in"), "a parameter is `in` path, query, header or cookie");
  if (within === "header" && OTHERWISE.includes(name.toLowerCase())) return undefined;
  if (within === "header" && !FIELD_NAME.test(name))
    return fail(reading, place.get("name"), `${quote(name)} is no name of a header field`);
  const required = place.get("required");
  if (within === "path" && required.value !== true)
    reading.error(FORM, place, `the parameter ${quote(name)} of the path needs \`required: true\``);
  const value = readValue(place, within, reading);
  return value && { name, in: within, required: required.value === true, ...value };
}

/** Fields of a response, by their names. */
export function readFields(headers: SpecPlace, reading: Reading): (ContractParameter & { readonly in: "header" })[] {
  return reading.members(headers, "headers").flatMap(([name, item]) => {
    if (name.toLowerCase() === "content-type") return [];
    const place = reading.description.follow(item);
    if (place === undefined) return [];
    if (!FIELD_NAME.test(name)) return fail(reading, item, `${quote(name)} is no name of a header field`) ?? [];
    if (!place.isMapping) return fail(reading, item, "a header is a mapping") ?? [];
    const value = readValue(place, "header", reading);
    return value === undefined
      ? []
      : [{ name, in: "header", required: place.get("required").value === true, ...value }];
  });
}

type Value = Pick<ContractParameter, "style" | "explode" | "allowReserved" | "mediaType" | "schema" | "shape">;

/** How the value is written, and its schema: by `schema`, or by the one member of `content`. */
function readValue(place: SpecPlace, within: ContractParameter["in"], reading: Reading): Value | undefined {
  const [schema, content] = [place.get("schema"), place.get("content")];
  if (schema.exists === content.exists)
    return fail(reading, place, "exactly one of `schema` and `content` says what the value is");
  if (content.exists) return readContent(content, reading);
  if (!reading.isSchema(schema)) return undefined;
  const style = styleOf(within, place.get("style").value);
  if (style === undefined)
    return fail(reading, place.get("style"), `there is no such style in ${within}`, stylesOf(within).join(", "));
  const shape = shapeOf(schema, reading.description);
  return {
    ...styled(style, place),
    ...(within === "query" && place.get("allowReserved").value === true && { allowReserved: true }),
    schema: reading.schemas.nameOf(schema),
    ...(shape !== undefined && { shape }),
  };
}

const styled = (style: ParameterStyle, place: SpecPlace): Pick<Value, "style" | "explode"> => ({
  style,
  explode: explodeOf(style, place.get("explode").value),
});

function readContent(content: SpecPlace, reading: Reading): Value | undefined {
  const [only, other] = reading.members(content, "content");
  if (only === undefined || other !== undefined)
    return fail(reading, content, "the `content` of a parameter has exactly one media type");
  const [written, place] = only;
  const mediaType = readMediaType(written);
  if (mediaType === undefined) return fail(reading, place, `${quote(written)} is no media type`);
  const schema = reading.description.follow(place)?.get("schema");
  if (schema?.exists !== true) return { mediaType };
  return reading.isSchema(schema) ? { mediaType, schema: reading.schemas.nameOf(schema) } : undefined;
}

function fail(reading: Reading, place: SpecPlace, message: string, expected?: string): undefined {
  reading.error(FORM, place, message, expected === undefined ? {} : { expected });
  return undefined;
}
