/** Content codings (RFC 9110 section 8.4.1) that the gateway takes off what it has to look into. */
import { joinBytes } from "../../../shared/http/join-bytes.ts";

export type Coding = "gzip" | "deflate";

/** @param field `Content-Encoding` @returns undefined for codings that are not taken off */
export function codingOf(field: string | null | undefined): Coding | "identity" | undefined {
  const coding = field?.trim().toLowerCase() ?? "identity";
  return coding === "gzip" || coding === "deflate" || coding === "identity" ? coding : undefined;
}

/** @returns `form`: it is nothing of the kind; `bounds`: there is more in it than is read */
export async function decodeContent(
  content: Uint8Array,
  coding: Coding,
  bytesMax: number,
): Promise<Uint8Array | "form" | "bounds"> {
  const whole = new Response(content as Uint8Array<ArrayBuffer>).body;
  if (whole === null) return new Uint8Array();
  const reader = whole.pipeThrough(new DecompressionStream(coding)).getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = await reader.read().catch(() => undefined);
    if (next === undefined) return "form";
    if (next.done) return joinBytes(chunks, bytes);
    bytes += next.value.byteLength;
    chunks.push(next.value);
    if (bytes <= bytesMax) continue;
    void reader.cancel().catch(() => undefined);
    return "bounds";
  }
}
