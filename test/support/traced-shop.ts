/** The shop's document with traces, or all that is told, to a receiver. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, type System } from "./system.ts";

/**
 * Applies it to a system of the shop, and waits until everybody has it.
 * @param sample such as `100%`
 * @param edit of the document's text
 * @param more settings of `telemetry`
 */
export async function applyTraces(
  system: System,
  endpoint: string,
  sample: string,
  edit: (text: string) => string = (text) => text,
  more = "",
): Promise<void> {
  const text = readFileSync(join(root, "examples/shop/selvage.yaml"), "utf8");
  const telemetry = `telemetry: { otlp: { endpoint: "${endpoint}" }, traces: { sample: ${sample} }${more} }`;
  const file = join(system.state, "traced.yaml");
  writeFileSync(file, edit(text).replace("\nname: shop\n", `\nname: shop\n${telemetry}\n`));
  const { code, stderr } = await system.selvage("apply", file, "--wait");
  if (code !== 0) throw new Error(`the document was not applied: ${stderr}`);
}
