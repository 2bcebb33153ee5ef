import { expect } from "vitest";
import { PING } from "../../../mesh-agent/proxy/http2/protocol.ts";
import type { Http2Peer } from "../../support/http2-peer.ts";
import type { FrameCase } from "./frame-cases.ts";

/** Sends what a case says, and expects what it says. */
export async function playFrameCase(peer: Http2Peer, one: FrameCase): Promise<void> {
  const { send, answer, resets, goes, pong, stream = 1 } = one;
  peer.send(...send);
  if (goes !== undefined) {
    await peer.until(() => peer.closed);
    expect(peer.goaway).toBe(goes);
  } else if (pong === true) await peer.until(() => peer.all(PING).length > 0);
  else if (resets !== undefined) {
    await peer.until(() => peer.resetCode(stream) !== undefined);
    expect(peer.resetCode(stream)).toBe(resets);
  } else {
    await peer.until(() => peer.ended(stream) || peer.closed);
    expect(peer.status(stream)).toBe(answer);
  }
  // A stream's trouble is its own.
  if (goes === undefined) expect(peer.goaway).toBeUndefined();
  peer.end();
}
