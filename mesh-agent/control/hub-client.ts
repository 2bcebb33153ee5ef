/** The agent's socket to the hub: opened again whenever it is lost, watched by pings, messages checked before they are handed on. */
import { limits } from "../../shared/limits.ts";
import {
  type AgentMessage,
  type HubMessage,
  hubMessageSchema,
  PING,
  PONG,
  RETRY_AFTER_MS,
} from "../../shared/wire/hub.ts";
import { backoffMs } from "./backoff.ts";
import { WebSocketClient } from "./web-socket.ts";

export interface HubClientOptions {
  /** URL of the control API. */
  readonly controlUrl: string;
  /** Bearer, read anew for each connection. */
  readonly token: () => string;
  /** What to say first on each connection. */
  readonly greeting: () => readonly AgentMessage[];
  readonly onMessage: (message: HubMessage) => void;
  /** The token is refused: only another one opens a connection. */
  readonly onRefused: () => void;
  /** `reason` is set when a connection was lost or could not be made. */
  readonly onConnected: (connected: boolean, reason?: string) => void;
  /** At least 0, below 1. */
  readonly random: () => number;
}

export class HubClient {
  readonly #options: HubClientOptions;
  #socket: WebSocketClient | undefined;
  #open = false;
  #stopped = false;
  #failures = 0;
  #openedAtMs = 0;
  #heardAtMs = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;

  constructor(options: HubClientOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#open;
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  /** False: not connected; the greeting of the next connection has to say it. */
  send(message: AgentMessage): boolean {
    if (!this.#open) return false;
    this.#socket?.send(JSON.stringify(message));
    return true;
  }

  /** Drops the connection and makes a new one at once, with a new greeting. */
  reconnect(): void {
    if (this.#stopped) return;
    this.#drop();
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  #connect(): void {
    const url = new URL("/v1/agents/connect", this.#options.controlUrl);
    const socket = new WebSocketClient(
      url,
      { authorization: `Bearer ${this.#options.token()}` },
      {
        opened: () => this.#opened(socket),
        text: (message) => this.#heard(socket, message),
        ended: (reason, refused) => {
          if (refused?.status === 401 && socket === this.#socket) this.#options.onRefused();
          this.#lost(
            socket,
            reason ?? notOpened(url, refused?.status),
            refused?.status === 503 ? waitOf(refused.headers[RETRY_AFTER_MS]) : undefined,
          );
        },
      },
    );
    this.#socket = socket;
    // A peer that accepts the connection and then says nothing would otherwise be waited for without an end.
    this.#heardAtMs = performance.now();
    this.#pingTimer = setInterval(() => this.#watch(socket), limits.control.pingEveryMs);
  }

  #opened(socket: WebSocketClient): void {
    if (socket !== this.#socket) return;
    this.#open = true;
    this.#openedAtMs = this.#heardAtMs = performance.now();
    for (const message of this.#options.greeting()) socket.send(JSON.stringify(message));
    this.#options.onConnected(true);
  }

  #heard(socket: WebSocketClient, data: string): void {
    if (socket !== this.#socket) return;
    this.#heardAtMs = performance.now();
    if (data === PONG) return;
    const message = readMessage(data);
    if (message !== undefined) this.#options.onMessage(message);
  }

  #watch(socket: WebSocketClient): void {
    if (performance.now() - this.#heardAtMs > 2.5 * limits.control.pingEveryMs)
      this.#lost(socket, "the control plane stopped answering");
    else if (this.#open) socket.send(PING);
  }

  /** @param waitMs after which the hub wants it back */
  #lost(socket: WebSocketClient, reason: string, waitMs?: number): void {
    if (socket !== this.#socket) return;
    const wasOpen = this.#open;
    this.#drop();
    this.#options.onConnected(false, reason);
    if (this.#stopped) return;
    const { connectionSteadyMs } = limits.control;
    // A hub that spoke for a while ends the growing of the pauses. One that was heard but briefly does not: two agents of one
    // name that take each other's place would do so without a pause.
    const wasSteady = wasOpen && this.#heardAtMs - this.#openedAtMs >= connectionSteadyMs;
    this.#failures = wasSteady ? 1 : this.#failures + 1;
    this.#retryTimer = setTimeout(() => this.#connect(), waitMs ?? this.#pauseMs(wasOpen));
  }

  #pauseMs(wasOpen: boolean): number {
    const { reconnectBaseMs, reconnectMaxMs, returnPauseMs } = limits.control;
    const baseMs = wasOpen ? returnPauseMs : reconnectBaseMs;
    return backoffMs(this.#failures, baseMs, reconnectMaxMs, this.#options.random());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#open = false;
    clearInterval(this.#pingTimer);
    socket?.close();
  }
}

const notOpened = ({ origin }: URL, status: number | undefined): string =>
  status === undefined ? `${origin} cannot be reached` : `${origin} refuses this agent (${status})`;

/** @returns milliseconds; undefined for what is no number of them */
function waitOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string" || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(Number(header), limits.control.retryAfterMaxMs);
}

/** @returns undefined for what this format does not know, which is passed over */
function readMessage(text: string): HubMessage | undefined {
  try {
    const parsed = hubMessageSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
