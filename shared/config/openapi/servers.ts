import type { Reading } from "./reading.ts";
import type { SpecPlace } from "./spec-place.ts";

/**
 * The path of the first server (OpenAPI 3.1.1 section 4.8.5), with the defaults of its variables.
 * @returns without a `/` at its end; "" for none
 */
export function readBasePath(servers: SpecPlace, reading: Reading): string {
  if (servers.exists && !Array.isArray(servers.value)) reading.error("SLV3143", servers, "`servers` is a list");
  const [first] = servers.items;
  const url = first?.get("url");
  if (first === undefined || url === undefined) return "";
  if (url.text === undefined) {
    reading.error("SLV3143", first, "a server needs a `url`");
    return "";
  }
  const filled = url.text.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const value = first.get("variables").get(name).get("default");
    if (value.text === undefined)
      reading.error("SLV3143", url, `the variable ${whole} has no default`, {
        expected: `\`variables.${name}.default\``,
      });
    return value.text ?? "";
  });
  const [, path = ""] = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:\/\/[^/?#]*)?([^?#]*)/.exec(filled) ?? [];
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  if (!steps.includes("..")) return steps.map((step) => `/${step}`).join("");
  reading.error("SLV3143", url, "the path of a server has no .. in it");
  return "";
}
