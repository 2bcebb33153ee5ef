/** A list in JSON of any length, each of whose members has a secret; what is left without them is known. */
const ITEM = `{"id":12345678901234567890,"secret":"${"s".repeat(60)}","name":"ü😀","price":1.10,"tags":["a","b"]}`;
export const EDITED_ITEM = ITEM.replace(/"secret":"s+",/, "");
/** Items in a piece, of some 64 KiB. */
const AT_ONCE = 512;

/** `{"items":[...]}` in pieces that end anywhere. */
export function* itemsText(count: number): Generator<Buffer> {
  const piece = Buffer.from(`${ITEM},`.repeat(AT_ONCE));
  yield Buffer.from(`{"items":[`);
  let left = count - 1;
  for (; left >= AT_ONCE; left -= AT_ONCE) yield piece;
  yield Buffer.from(`${`${ITEM},`.repeat(left)}${ITEM}]}`);
}

/** Bytes of the whole. */
export const itemsBytes = (count: number, item: string = ITEM): number =>
  count * (Buffer.byteLength(item) + 1) - 1 + Buffer.byteLength('{"items":[]}');
