/** What a peer has announced (section 6.5). */
import {
  DEFAULT_WINDOW,
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  FLOW_CONTROL_ERROR,
  INITIAL_WINDOW_SIZE,
  MAX_31_BITS,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  NO_ERROR,
  PROTOCOL_ERROR,
} from "./protocol.ts";

const ENTRY_BYTES = 6;
const FRAME_SIZE_MIN = 16_384;
const FRAME_SIZE_MAX = 0xffffff;

export class PeerSettings {
  initialWindow: number = DEFAULT_WINDOW;
  /** undefined: not said. */
  maxConcurrentStreams: number | undefined;
  /** Takes CONNECT with `:protocol` (RFC 8441). */
  connectProtocol = false;

  /**
   * Takes the payload of a SETTINGS frame, whole entries only. What is not looked at does not matter to us: no table is
   * used on the way out, and frames are never larger than the smallest maximum.
   * @returns an error code, NO_ERROR when all is well
   */
  apply(bytes: Buffer, from: number, to: number, peerIsServer: boolean): number {
    for (let at = from; at < to; at += ENTRY_BYTES) {
      const id = bytes.readUInt16BE(at);
      const value = bytes.readUInt32BE(at + 2);
      if (id === INITIAL_WINDOW_SIZE) {
        if (value > MAX_31_BITS) return FLOW_CONTROL_ERROR;
        this.initialWindow = value;
      } else if (id === MAX_CONCURRENT_STREAMS) this.maxConcurrentStreams = value;
      else if (id === ENABLE_CONNECT_PROTOCOL) {
        if (value > 1 || (value === 0 && this.connectProtocol)) return PROTOCOL_ERROR;
        this.connectProtocol = value === 1;
      } else if (id === ENABLE_PUSH && value > (peerIsServer ? 0 : 1)) return PROTOCOL_ERROR;
      else if (id === MAX_FRAME_SIZE && (value < FRAME_SIZE_MIN || value > FRAME_SIZE_MAX)) return PROTOCOL_ERROR;
    }
    return NO_ERROR;
  }
}

/** The payload of a SETTINGS frame. */
export function settingsPayload(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(entries.length * ENTRY_BYTES);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * ENTRY_BYTES);
    payload.writeUInt32BE(value, i * ENTRY_BYTES + 2);
  });
  return payload;
}
