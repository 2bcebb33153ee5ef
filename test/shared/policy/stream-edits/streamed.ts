import type { JsonEdits } from "../../../../shared/policy/reshape.ts";
import { StreamEditor } from "../../../../shared/policy/stream-edits/editor.ts";
import { streamProgram } from "../../../../shared/policy/stream-edits/program.ts";
import { JsonStreamError } from "../../../../shared/policy/stream-edits/scanner.ts";

/**
 * What is made of a body that comes in pieces of these sizes, the last of which is all that is left.
 * @returns `held`: these edits need it whole; or why it is refused
 */
export function streamed(
  body: string | Uint8Array,
  edits: JsonEdits,
  sizes: readonly number[] = [],
): string | { readonly fault: string; readonly reason: string } {
  const program = streamProgram(edits);
  if (program === undefined) return "held";
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const values = program.values.map((value) => new TextEncoder().encode(JSON.stringify(value)));
  const editor = new StreamEditor(program, values);
  const taken: Uint8Array[] = [];
  try {
    for (let from = 0, index = 0; from < bytes.length; index++) {
      const chunk = bytes.slice(from, from + (sizes[index] ?? bytes.length));
      from += chunk.length;
      for (let at = 0; at < chunk.length; taken.push(editor.take())) at = editor.write(chunk, at);
    }
    editor.end();
  } catch (cause) {
    if (cause instanceof JsonStreamError) return { fault: cause.fault, reason: cause.message };
    throw cause;
  }
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat([...taken, editor.take()]));
}
