import type { ContractParameter, ParameterStyle } from "../../contract/contract.ts";

type In = ContractParameter["in"];

/** OpenAPI 3.1.1 section 4.8.12.2.2; the first is the default. */
const STYLES: Readonly<Record<In, readonly [ParameterStyle, ...ParameterStyle[]]>> = {
  path: ["simple", "label", "matrix"],
  query: ["form", "spaceDelimited", "pipeDelimited", "deepObject"],
  header: ["simple"],
  cookie: ["form"],
};

export const isParameterPlace = (text: string | undefined): text is In =>
  text !== undefined && Object.hasOwn(STYLES, text);

export const stylesOf = (place: In): readonly ParameterStyle[] => STYLES[place];

/** @param style absent: the default of the place @returns undefined for a style that the place does not have */
export function styleOf(place: In, style: unknown): ParameterStyle | undefined {
  return style === undefined ? STYLES[place][0] : STYLES[place].find((one) => one === style);
}

/** `form` alone gives each value a parameter of its own unless it is told not to. */
export const explodeOf = (style: ParameterStyle, explode: unknown): boolean =>
  typeof explode === "boolean" ? explode : style === "form";
