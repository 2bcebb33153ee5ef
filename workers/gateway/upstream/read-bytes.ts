import { collectBytes } from "./collect-bytes.ts";

/** An answer's body, read no further than the bound. @throws RangeError when it is longer */
export async function readBytes({ body }: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const content = await collectBytes(body, (bytes) => bytes <= bytesMax);
  if (content === undefined) throw new RangeError(`answer is longer than ${bytesMax} bytes`);
  return content;
}
