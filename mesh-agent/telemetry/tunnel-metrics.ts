/** Counters of tunnels: connections that have changed their protocol, and those of TCP. */
import type { MetricFamily, Sample } from "../../shared/http/metrics-text.ts";

interface Tunnel {
  readonly protocol: string;
  readonly in: number;
  readonly out: number;
}

interface Series {
  open: number;
  ended: number;
  brokenOff: number;
  bytesIn: number;
  bytesOut: number;
}

export class TunnelMetrics {
  readonly #series = new Map<string, { readonly labels: Record<string, string>; readonly series: Series }>();

  /** @param service of the other side; a name of the plan or of the trust domain, so that the series are bounded */
  opened(direction: string, service: string, { protocol }: Tunnel): void {
    this.#of(direction, service, protocol).open++;
  }

  /** @param inOrder both sides have said all */
  closed(direction: string, service: string, tunnel: Tunnel, inOrder: boolean): void {
    const series = this.#of(direction, service, tunnel.protocol);
    series.open--;
    if (inOrder) series.ended++;
    else series.brokenOff++;
    series.bytesIn += tunnel.in;
    series.bytesOut += tunnel.out;
  }

  #of(direction: string, service: string, protocol: string): Series {
    const key = `${direction} ${service} ${protocol}`;
    let known = this.#series.get(key);
    if (known === undefined) {
      known = {
        labels: { direction, service, protocol },
        series: { open: 0, ended: 0, brokenOff: 0, bytesIn: 0, bytesOut: 0 },
      };
      this.#series.set(key, known);
    }
    return known.series;
  }

  families(): MetricFamily[] {
    const all = [...this.#series.values()];
    const samples = (label: string, values: (series: Series) => Record<string, number>): Sample[] =>
      all.flatMap(({ labels, series }) =>
        Object.entries(values(series)).map(([name, value]) => ({ labels: { ...labels, [label]: name }, value })),
      );
    return [
      {
        name: "selvage_tunnels_open",
        type: "gauge",
        help: "Connections of TCP, or that have changed their protocol, that are open.",
        samples: all.map(({ labels, series }) => ({ labels, value: series.open })),
      },
      {
        name: "selvage_tunnels_total",
        type: "counter",
        help: "Those that are over: ended by both sides, or broken off.",
        samples: samples("end", ({ ended, brokenOff }) => ({ ended, "broken-off": brokenOff })),
      },
      {
        name: "selvage_tunnel_bytes_total",
        type: "counter",
        help: "Bytes of those that are over, from the caller (in) and to it (out).",
        samples: samples("way", ({ bytesIn, bytesOut }) => ({ in: bytesIn, out: bytesOut })),
      },
    ];
  }
}
