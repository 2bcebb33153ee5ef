/** What a front counts, and its Prometheus text form. */
import type { ErrorCode } from "../../shared/errors.ts";
import type { TurnedAway } from "./admission.ts";
import type { WebSockets } from "./web-sockets.ts";

export class FrontCounters {
  requests = 0;
  broken = 0;
  readonly #refused = new Map<ErrorCode, number>();
  readonly #turnedAway = new Map<TurnedAway, number>();

  /** A request that the front answered by an error of its own. */
  refused(code: ErrorCode): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  turnedAway(why: TurnedAway, count: number): void {
    this.#turnedAway.set(why, (this.#turnedAway.get(why) ?? 0) + count);
  }

  /** @param now what is open right now */
  render(
    now: { readonly connections: number; readonly exchanges: number },
    webSockets: Pick<WebSockets, "open" | "total" | "bytesIn" | "bytesOut">,
  ): string {
    const { open, total, bytesIn, bytesOut } = webSockets;
    const lines = [
      ...metric("selvage_front_connections", "gauge", "Connections of clients.", [["", now.connections]]),
      ...metric("selvage_front_requests_in_flight", "gauge", "Requests in flight.", [["", now.exchanges]]),
      ...metric("selvage_front_requests_total", "counter", "Requests with a good head.", [["", this.requests]]),
      ...metric("selvage_front_answers_broken_total", "counter", "Answers that ended too early.", [["", this.broken]]),
      ...metric("selvage_front_open_websockets", "gauge", "WebSockets that are open.", [["", open]]),
      ...metric("selvage_front_websockets_total", "counter", "WebSockets that were opened.", [["", total]]),
      ...metric("selvage_front_websocket_bytes_total", "counter", "Bytes of those that are over.", [
        [`{direction="in"}`, bytesIn],
        [`{direction="out"}`, bytesOut],
      ]),
      ...metric(
        "selvage_front_refused_total",
        "counter",
        "Requests that the front answered by itself.",
        labelled("code", this.#refused),
      ),
      ...metric(
        "selvage_front_turned_away_total",
        "counter",
        "Connections that were not taken.",
        labelled("bound", this.#turnedAway),
      ),
    ];
    return `${lines.join("\n")}\n`;
  }
}

type Sample = readonly [labels: string, value: number];

function labelled(name: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([value, count]) => [`{${name}="${value}"}`, count]);
}

function metric(name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ];
}
