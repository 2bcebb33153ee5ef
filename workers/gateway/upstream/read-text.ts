/** An answer's body as text, read no further than the bound. @throws RangeError when it is longer */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return "";
  if (Number(response.headers.get("content-length") ?? 0) > bytesMax) {
    await response.body.cancel();
    throw new RangeError(`answer is longer than ${bytesMax} bytes`);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const reader = response.body.getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      await reader.cancel();
      throw new RangeError(`answer is longer than ${bytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
