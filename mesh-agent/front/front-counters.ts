/** What a front counts. */
import type { ErrorCode } from "../../shared/errors.ts";
import type { MetricFamily, Sample } from "../../shared/http/metrics-text.ts";
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
  families(
    now: { readonly connections: number; readonly exchanges: number },
    webSockets: Pick<WebSockets, "open" | "total" | "bytesIn" | "bytesOut">,
  ): MetricFamily[] {
    const { open, total, bytesIn, bytesOut } = webSockets;
    return [
      one("selvage_front_connections", "gauge", "Connections of clients.", now.connections),
      one("selvage_front_requests_in_flight", "gauge", "Requests in flight.", now.exchanges),
      one("selvage_front_requests_total", "counter", "Requests with a good head.", this.requests),
      one("selvage_front_answers_broken_total", "counter", "Answers that ended too early.", this.broken),
      one("selvage_front_open_websockets", "gauge", "WebSockets that are open.", open),
      one("selvage_front_websockets_total", "counter", "WebSockets that were opened.", total),
      {
        name: "selvage_front_websocket_bytes_total",
        type: "counter",
        help: "Bytes of those that are over.",
        samples: labelled("direction", Object.entries({ in: bytesIn, out: bytesOut })),
      },
      {
        name: "selvage_front_refused_total",
        type: "counter",
        help: "Requests that the front answered by itself.",
        samples: labelled("code", this.#refused),
      },
      {
        name: "selvage_front_turned_away_total",
        type: "counter",
        help: "Connections that were not taken.",
        samples: labelled("bound", this.#turnedAway),
      },
    ];
  }
}

function labelled(name: string, counts: Iterable<readonly [label: string, value: number]>): Sample[] {
  return [...counts].map(([label, value]) => ({ labels: { [name]: label }, value }));
}

function one(name: string, type: MetricFamily["type"], help: string, value: number): MetricFamily {
  return { name, type, help, samples: [{ labels: {}, value }] };
}
