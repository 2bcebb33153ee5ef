/** JSONPath (RFC 9535) as overlays use it. Its regular expressions (RFC 9485) are matched by RE2, which takes linear time. */
import { JSONPathEnvironment } from "json-p3";
import { limits } from "../../limits.ts";
import { refuseCost } from "../../policy/json-path.ts";
import { parseRegex } from "../../policy/safe-regex.ts";

export type Location = readonly (string | number)[];

const environment = new JSONPathEnvironment({ maxRecursionDepth: limits.openapi.depthMax + 1 });
for (const name of ["match", "search"] as const) {
  const known = environment.functionRegister.get(name);
  if (known !== undefined)
    environment.functionRegister.set(name, {
      argTypes: known.argTypes,
      returnType: known.returnType,
      call: (text: unknown, expression: unknown) => fits(name, text, expression),
    });
}

/** @returns the places in the order in which they are found, each once, or why the text is no path */
export function findPlaces(root: unknown, path: string): Location[] | string {
  const refused = refuseCost(path);
  if (refused !== undefined) return refused;
  const { foundMax } = limits.openapi;
  const found = new Map<string, Location>();
  try {
    for (const { location } of environment.compile(path).lazyQuery(root as never)) {
      if (found.size >= foundMax) return `it finds more than ${foundMax} places`;
      found.set(JSON.stringify(location), location);
    }
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  }
  return [...found.values()];
}

/** What is no expression matches nothing (RFC 9535 section 2.4.6). */
function fits(how: "match" | "search", text: unknown, expression: unknown): boolean {
  if (typeof text !== "string" || typeof expression !== "string") return false;
  const regex = regexOf(expression);
  return regex !== undefined && (how === "match" ? regex.matches(text) : regex.finds(text));
}

type Regex = Exclude<ReturnType<typeof parseRegex>, string>;
/** A filter asks the same expression again for each value. */
let last: { readonly expression: string; readonly regex: Regex | undefined } | undefined;

function regexOf(expression: string): Regex | undefined {
  if (last?.expression !== expression) {
    const parsed = parseRegex(expression);
    last = { expression, regex: typeof parsed === "string" ? undefined : parsed };
  }
  return last.regex;
}
