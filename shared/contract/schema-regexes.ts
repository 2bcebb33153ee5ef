/** Regular expressions of schemas. Brings the engine along: hosts load this for the first contract that has one. */
import { limits } from "../limits.ts";
import { parseRegex } from "../policy/safe-regex.ts";
import { spend } from "./evaluation.ts";
import type { RegexMaker } from "./regex-maker.ts";
import { tooComplex } from "./too-complex.ts";

export const makeRegex: RegexMaker = (source) => {
  const { textCharsMax, workPerStep } = limits.schemaRegex;
  const regex = parseRegex(source, limits.schemaRegex);
  if (typeof regex === "string") throw new Error(`the pattern ${source} of a compiled schema cannot be used: ${regex}`);
  return (text, run) => {
    if (text.length > textCharsMax) tooComplex(`a text of more than ${textCharsMax} characters has to match a pattern`);
    spend(run, Math.ceil((text.length * regex.size) / workPerStep));
    return regex.finds(text);
  };
};
