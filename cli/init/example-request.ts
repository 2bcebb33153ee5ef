import type { Description } from "../../shared/config/openapi/description.ts";
import { sampleOf } from "../dev/sample.ts";
import type { FoundOperation } from "./scan.ts";

/**
 * A request as a description has it, with examples for its parameters.
 * @param operations those that will do; one that is only read goes first
 * @param base what stands before their paths
 * @returns undefined: there is no operation
 */
export function exampleRequest(
  operations: readonly FoundOperation[],
  description: Description,
  base: string,
): { readonly method: string; readonly url: string } | undefined {
  const operation = operations.find(({ method }) => method === "GET") ?? operations[0];
  if (operation === undefined) return undefined;
  const parameters = [...operation.item.get("parameters").items, ...operation.place.get("parameters").items].flatMap(
    (place) => description.follow(place) ?? [],
  );
  const values = parameters.map((place) => {
    const given = place.get("example");
    const value = given.exists ? given.value : sampleOf(place.get("schema"), description);
    return { place, name: place.get("name").text ?? "", text: encodeURIComponent(String(value ?? "1")) };
  });
  const path = operation.template.replace(
    /\{([^{}]*)\}/g,
    (_, name: string) => values.find((one) => one.name === name && one.place.get("in").text === "path")?.text ?? "1",
  );
  const query = values
    .filter(({ place }) => place.get("in").text === "query" && place.get("required").value === true)
    .map(({ name, text }) => `${encodeURIComponent(name)}=${text}`);
  return { method: operation.method, url: base + path + (query.length > 0 ? `?${query.join("&")}` : "") };
}
