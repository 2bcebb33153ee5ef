/** Memory in which what leaves in one write is put together: the same every time, unless the kernel kept what was written last. */
import type { Socket } from "node:net";
import { limits } from "../../shared/limits.ts";

let shared: Buffer | undefined;

/**
 * A TLS socket keeps what it writes to the next turn: it gets room of its own, just as much as is needed. Else each write would
 * make another shared one, and garbage of that size starts a collection of the whole heap several times a second.
 * @returns room for so many bytes, which `giveBackMemory` must follow when they are written
 */
export function outputMemory(bytes: number, socket: Socket): Buffer {
  if ("encrypted" in socket || bytes > limits.http2.sharedOutputBytes) return Buffer.allocUnsafe(bytes);
  const room = shared ?? Buffer.allocUnsafeSlow(limits.http2.sharedOutputBytes);
  shared = undefined;
  return room;
}

export function giveBackMemory(room: Buffer, socket: Socket): void {
  // With nothing left in the socket the kernel has a copy of all.
  if (!("encrypted" in socket) && room.length === limits.http2.sharedOutputBytes && socket.writableLength === 0)
    shared = room;
}
