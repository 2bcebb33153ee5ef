/** Text of UTF-8 bytes, without a byte order mark; undefined for anything else. */
export const utf8Text = (bytes: Uint8Array): string | undefined => decode(bytes, false);

/** The same with its mark: one text for one sequence of bytes. */
export const exactUtf8Text = (bytes: Uint8Array): string | undefined => decode(bytes, true);

function decode(bytes: Uint8Array, ignoreBOM: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM }).decode(bytes);
  } catch {
    return undefined;
  }
}
