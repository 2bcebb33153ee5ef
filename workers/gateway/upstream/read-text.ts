const whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** An answer's body as text, read no further than the bound. @throws RangeError when it is longer */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  const { body, headers } = response;
  if (body === null) return "";
  const stated = Number(headers.get("content-length") ?? Number.NaN);
  if (stated > bytesMax) {
    await body.cancel();
    throw tooLong(bytesMax);
  }
  // No more comes than is stated, and at once it costs a fraction of reading it piece by piece. But what is decoded on its way may
  // come out longer, and chunks go before a length that stands beside them (RFC 9112 section 6.3).
  const isBounded = stated >= 0 && !headers.has("content-encoding") && !headers.has("transfer-encoding");
  if (!isBounded) return readPieces(body, bytesMax);
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > bytesMax) throw tooLong(bytesMax);
  return whole.decode(bytes);
}

async function readPieces(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const reader = body.getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      await reader.cancel();
      throw tooLong(bytesMax);
    }
    text += decoder.decode(value, { stream: true });
  }
}

const tooLong = (bytesMax: number): RangeError => new RangeError(`answer is longer than ${bytesMax} bytes`);
