/** Bytes as lower-case hex digits. @param from first byte @param to end, exclusive */
export function hex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = "";
  for (let at = from; at < to; at++) text += (bytes[at] as number).toString(16).padStart(2, "0");
  return text;
}
