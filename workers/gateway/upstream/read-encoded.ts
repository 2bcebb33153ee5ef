/** Answers of parts that are no JSON. */
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";
import { limits } from "../../../shared/limits.ts";
import type { Translation } from "../../../shared/policy/translate/translation.ts";
import { readBytes } from "./read-bytes.ts";
import { readText } from "./read-text.ts";

const { partBodyBytesMax } = limits.gateway;

/**
 * What an answer is as a value of JSON, and its length.
 * @throws Error with what is wrong with it
 */
export async function readEncoded(
  answer: Response,
  encoding: "text" | Translation,
): Promise<{ readonly value: unknown; readonly chars: number }> {
  if (encoding === "text") {
    const text = await readText(answer, partBodyBytesMax);
    return { value: text, chars: text.length };
  }
  const { Translator } = await import("../../../shared/policy/translate/translator.ts");
  const translator = new Translator(encoding);
  const contentType = answer.headers.get("content-type") ?? undefined;
  if (!translator.takes(contentType)) {
    await answer.body?.cancel();
    throw new Error(`its answer is no ${encoding.from}`);
  }
  const bytes = await readBytes(answer, partBodyBytesMax);
  const read = translator.read(bytes, contentType);
  if (read.fault !== undefined) throw new Error(read.reason);
  if ("problem" in read) throw new Error("answered with a fault of SOAP");
  // Numbers as those of other parts are.
  const value = parseWholeNumbers(JSON.stringify(read.json.value), limits.aggregate.depthMax);
  return { value, chars: bytes.byteLength };
}
