/** The query of a request as it tells answers apart, and as it goes to the upstream: nothing that is not in the key is sent. */
import { decodeField } from "../http/escapes.ts";
import { limits } from "../limits.ts";
import type { QuerySettings } from "./settings.ts";

/**
 * @param query with its `?`, or empty
 * @returns the same form; undefined when it has too many parameters to choose among
 */
export function keyedQuery(query: string, settings: QuerySettings | undefined): string | undefined {
  if (query === "" || settings === undefined) return query;
  const parameters = query.slice(1).split("&");
  if (parameters.length > limits.cache.queryParametersMax) return undefined;
  const { only, ignore, sort } = settings;
  let kept = parameters.map((text) => ({ text, name: nameOf(text) }));
  if (only !== undefined) kept = kept.filter(({ name }) => only.includes(name));
  else if (ignore !== undefined) kept = kept.filter(({ name }) => !ignore.includes(name));
  if (sort === true) kept.sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
  return kept.length === 0 ? "" : `?${kept.map(({ text }) => text).join("&")}`;
}

/** As forms have it: `+` is a space; what cannot be decoded stands for itself. */
function nameOf(parameter: string): string {
  const [name = ""] = parameter.split("=", 1);
  return decodeField(name) ?? name.replaceAll("+", " ");
}
