import { collectBytes } from "./collect-bytes.ts";
import type { Coding } from "./content-coding.ts";

/** @returns `form`: it is nothing of the kind; `bounds`: there is more in it than is read */
export async function decodeContent(
  content: Uint8Array,
  coding: Coding,
  bytesMax: number,
): Promise<Uint8Array | "form" | "bounds"> {
  const { body } = new Response(content as Uint8Array<ArrayBuffer>);
  if (body === null) return new Uint8Array();
  try {
    const decoded = body.pipeThrough(new DecompressionStream(coding));
    return (await collectBytes(decoded, (bytes) => bytes <= bytesMax)) ?? "bounds";
  } catch {
    return "form";
  }
}
