import type { StoredHead } from "./stored-head.ts";

/** What a head and its bookkeeping cost beside their texts, and each field, tag and selecting field: measured in V8, rounded up. */
const HEAD_BYTES = 1_300;
const ITEM_BYTES = 110;

/** What a head takes of memory, its key included. */
export function headBytes(key: string, head: Omit<StoredHead, "bodyBytes">): number {
  let bytes = HEAD_BYTES + key.length + head.host.length + head.target.length + (head.etag ?? "").length;
  // The second time as the platform's headers, which are made when it is first served.
  for (const [name, value] of head.fields) bytes += 2 * (ITEM_BYTES + name.length + value.length);
  for (const tag of head.tags) bytes += ITEM_BYTES + tag.length;
  for (const [name, value] of Object.entries(head.selectedBy)) bytes += ITEM_BYTES + name.length + (value ?? "").length;
  return bytes;
}
