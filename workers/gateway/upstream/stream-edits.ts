/** Bodies that are edited while they pass. Loaded by the first that is too long to be held for it. */
import type { SelvageError } from "../../../shared/errors.ts";
import type { JsonFault } from "../../../shared/http/exact-json.ts";
import type { JsonEdits, JsonTemplate } from "../../../shared/policy/reshape.ts";
import { StreamEditor } from "../../../shared/policy/stream-edits/editor.ts";
import { type StreamProgram, streamProgram } from "../../../shared/policy/stream-edits/program.ts";
import { JsonStreamError } from "../../../shared/policy/stream-edits/scanner.ts";
import type { BodyHead } from "./read-head.ts";

const programs = new WeakMap<JsonEdits, StreamProgram>();

export interface StreamFaults {
  /** The body cannot be edited. */
  edited(fault: JsonFault["fault"], reason: string): SelvageError;
  /** It did not come whole. */
  broken(cause: unknown): SelvageError;
}

/**
 * What a body becomes, piece by piece: no more of it is read than its reader asks for.
 * @param edits that can be made so; kept as the plan has them
 * @param fill what the values of `set` become
 * @returns a stream that breaks off with what is wrong with the body
 */
export function editedStream(
  { bytes, rest }: BodyHead,
  edits: JsonEdits,
  fill: (template: JsonTemplate) => unknown,
  faults: StreamFaults,
): ReadableStream<Uint8Array> {
  const program = programOf(edits);
  const values = program.values.map((value) => new TextEncoder().encode(JSON.stringify(fill(value))));
  const editor = new StreamEditor(program, values);
  let chunk: Uint8Array | undefined = bytes;
  let at = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      return (await rest?.read())?.value;
    } catch (cause) {
      throw faults.broken(cause);
    }
  };
  const edit = (): boolean => {
    try {
      if (chunk === undefined) editor.end();
      else at = editor.write(chunk, at);
    } catch (cause) {
      const error = cause instanceof JsonStreamError ? faults.edited(cause.fault, cause.message) : cause;
      void rest?.cancel(error).catch(() => undefined);
      throw error;
    }
    return chunk === undefined;
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    for (;;) {
      if (chunk !== undefined && at === chunk.byteLength) {
        chunk = await read();
        at = 0;
      }
      const isWhole = edit();
      const made = editor.take();
      if (made.byteLength > 0) controller.enqueue(made);
      if (isWhole) return controller.close();
      if (made.byteLength > 0) return;
    }
  };
  return new ReadableStream({ pull, cancel: (reason) => rest?.cancel(reason) }, { highWaterMark: 0 });
}

/** @throws Error where the plan says that they can be made so, and they cannot */
function programOf(edits: JsonEdits): StreamProgram {
  const program = programs.get(edits) ?? streamProgram(edits);
  if (program === undefined) throw new Error("edits of a plan cannot be made while a body passes");
  programs.set(edits, program);
  return program;
}
