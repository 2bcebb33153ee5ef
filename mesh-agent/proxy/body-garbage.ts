import { limits } from "../../shared/limits.ts";

let passedBytes = 0;

/**
 * Takes note of a part of a body that was passed on, and has the memory of those before it given back in time. V8 takes that memory for
 * growth of its old generation and would collect the whole heap every few MB, which was a third of the CPU of a stream. Looking at what is young
 * frees it too, and costs next to nothing. Without `--expose-gc` (see `lifecycle/lean-flags.ts`) V8 does as it does by itself.
 * @param bytes of the part
 */
export function passedOn(bytes: number): void {
  passedBytes += bytes;
  if (passedBytes < limits.http.youngBodyBytesMax) return;
  passedBytes = 0;
  globalThis.gc?.({ type: "minor" });
}
