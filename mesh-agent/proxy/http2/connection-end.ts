/** The end of an HTTP/2 connection that is ours: what it knows, what it says, and how it closes. */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "../deadline-watch.ts";
import type { FailReason } from "../engine.ts";
import { ClosedStreams, ENDED, RESET_BY_US } from "./closed-streams.ts";
import { FloodGuard } from "./flood-guard.ts";
import { FrameOutput, type FrameSource } from "./frame-output.ts";
import { PeerSettings, settingsPayload } from "./peer-settings.ts";
import * as h2 from "./protocol.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { SendQueue } from "./send-queue.ts";
import type { Http2Stream, StreamHost } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

const nothing = (): void => undefined;

export abstract class ConnectionEnd implements FrameSource, StreamHost, Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly stallTimeoutMs: number;
  protected readonly socket: Socket;
  protected readonly output: FrameOutput;
  protected readonly streams = new StreamTable();
  protected readonly closed = new ClosedStreams();
  protected readonly queue = new SendQueue();
  protected readonly peerSettings = new PeerSettings();
  protected readonly window = new ReceiveWindow(limits.http2.connectionWindowBytes);
  /** Frames that bring nothing, and streams that come to nothing. */
  protected readonly idleFrames: FloodGuard;
  protected readonly resets: FloodGuard;
  protected readonly tableBytes: number;
  /** GOAWAY with an error is out, or the socket is gone: nothing is read or written any more. */
  protected over = false;
  /** Highest stream that the peer has begun. */
  protected lastPeerId = 0;
  /** Bytes that may still be thrown away while the end is awaited. */
  #discardable = 0;
  /** What had not left when that was last looked at. */
  #unsent = 0;

  constructor(socket: Socket, stallTimeoutMs: number, tableBytes: number) {
    this.socket = socket;
    this.stallTimeoutMs = stallTimeoutMs;
    this.tableBytes = tableBytes;
    this.output = new FrameOutput(socket, this);
    const nowMs = performance.now();
    const { idleFramesMax, idleFramesForgivenPerSecond, resetsMax, resetsForgivenPerSecond } = limits.http2;
    this.idleFrames = new FloodGuard(idleFramesMax, idleFramesForgivenPerSecond, nowMs);
    this.resets = new FloodGuard(resetsMax, resetsForgivenPerSecond, nowMs);
    socket.on("data", (chunk) => {
      if (this.over) this.#discard(chunk);
      else this.onData(chunk);
    });
    socket.on("drain", () => this.output.flush());
    socket.on("end", () => this.onPeerEnd());
    socket.on("error", nothing);
    socket.on("close", () => this.onClose());
  }

  /** Room that a new stream has for its body. */
  protected get peerWindow(): number {
    return this.peerSettings.initialWindow;
  }

  protected abstract onData(chunk: Buffer): void;
  protected abstract onPeerEnd(): void;
  /** All streams fail. */
  protected abstract failAll(kind: FailReason, reason: string): void;
  /** Something was read or written: sets the connection's deadline by what it waits for. */
  protected abstract regulate(): void;
  abstract onDeadline(): void;

  #discard(chunk: Buffer): void {
    this.#discardable -= chunk.length;
    if (this.#discardable < 0) this.socket.destroy();
  }

  // --- out ---

  /** Our settings, and room for bodies. */
  protected announce(entries: readonly (readonly [id: number, value: number])[]): void {
    const { headBytesMax } = limits.http;
    const { streamWindowBytes, connectionWindowBytes } = limits.http2;
    const all = [
      [h2.HEADER_TABLE_SIZE, this.tableBytes],
      [h2.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [h2.MAX_HEADER_LIST_SIZE, headBytesMax],
      ...entries,
    ] as const;
    this.control(h2.SETTINGS << 8, 0, settingsPayload(all));
    this.control(h2.WINDOW_UPDATE << 8, 0, uint32(connectionWindowBytes - h2.DEFAULT_WINDOW));
  }

  protected control(head: number, streamId: number, payload: Buffer): void {
    if (this.over) return;
    this.output.add(head, streamId, payload);
    this.output.schedule();
  }

  protected sendReset(streamId: number, code: number): void {
    this.control(h2.RST_STREAM << 8, streamId, uint32(code));
  }

  protected sendGoaway(lastStreamId: number, code: number): void {
    this.control(h2.GOAWAY << 8, 0, Buffer.concat([uint32(lastStreamId), uint32(code)]));
  }

  fill(output: FrameOutput): void {
    this.queue.fill(output);
  }

  flushed(blocked: boolean): void {
    // Updates of windows that answer to what was sent are no flood.
    this.idleFrames.forgive(3 * this.queue.takeFrames());
    if (!blocked && !this.queue.isEmpty) this.output.schedule();
    this.regulate();
  }

  // --- for streams ---

  ready(stream: Http2Stream): void {
    if (this.over) return;
    this.queue.add(stream);
    this.output.schedule();
  }

  held(bytes: number): void {
    this.window.hold(bytes);
  }

  released(bytes: number): void {
    this.window.release(bytes);
    this.grant();
  }

  protected grant(): void {
    const bytes = this.window.grant();
    if (bytes === 0) return;
    this.control(h2.WINDOW_UPDATE << 8, 0, uint32(bytes));
  }

  widen(stream: Http2Stream, bytes: number): void {
    stream.receiveWindow += bytes;
    this.control(h2.WINDOW_UPDATE << 8, stream.id, uint32(bytes));
  }

  reset(stream: Http2Stream, code: number): void {
    this.sendReset(stream.id, code);
    this.forget(stream, RESET_BY_US);
  }

  streamOver(stream: Http2Stream): void {
    this.forget(stream, ENDED);
    this.resets.forgive();
  }

  protected forget(stream: Http2Stream, how: number): void {
    if (this.streams.delete(stream.id)) this.closed.note(stream.id, how);
  }

  // --- ends ---

  /** A connection error (section 5.4.1): says so and closes. @returns false */
  protected fail(code: number, reason: string): false {
    if (this.over) return false;
    this.sendGoaway(this.lastPeerId, code);
    this.output.flush();
    this.onError(reason);
    this.failAll("protocol", reason);
    this.linger();
    return false;
  }

  /** The peer broke the protocol; for logs. */
  protected onError(_reason: string): void {}

  /** Closes our side, and reads on for a while so that what was said last is not lost to a reset. */
  protected linger(): void {
    if (this.over) return;
    this.output.flush();
    this.over = true;
    this.#discardable = limits.http.lingerBytesMax;
    this.socket.end();
    this.socket.resume();
    connectionDeadlines.arm(this, limits.agent.lingerMs);
  }

  /** A slow reader gets what was said, as long as it goes on reading. */
  protected endLinger(): void {
    const unsent = this.socket.writableLength;
    if (unsent === 0 || unsent === this.#unsent) this.socket.destroy();
    else {
      this.#unsent = unsent;
      connectionDeadlines.arm(this, this.stallTimeoutMs);
    }
  }

  protected onClose(): void {
    this.over = true;
    connectionDeadlines.disarm(this);
    this.failAll("reset", "the connection is gone");
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
