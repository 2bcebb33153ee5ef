/** Counters of tunnels: connections that have changed their protocol, and those of TCP. */
import { labelsOf } from "../../shared/http/metrics-text.ts";

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

  /** Lines of Prometheus text. */
  render(): string[] {
    const all = [...this.#series.values()];
    if (all.length === 0) return [];
    const lines = (name: string, label: string, values: (series: Series) => Record<string, number>): string[] =>
      all.flatMap(({ labels, series }) =>
        Object.entries(values(series)).map(
          ([value, count]) => `${name}${labelsOf({ ...labels, [label]: value })} ${count}`,
        ),
      );
    return [
      "# HELP selvage_tunnels_open Connections of TCP, or that have changed their protocol, that are open.",
      "# TYPE selvage_tunnels_open gauge",
      ...all.map(({ labels, series }) => `selvage_tunnels_open${labelsOf(labels)} ${series.open}`),
      "# HELP selvage_tunnels_total Those that are over: ended by both sides, or broken off.",
      "# TYPE selvage_tunnels_total counter",
      ...lines("selvage_tunnels_total", "end", ({ ended, brokenOff }) => ({ ended, "broken-off": brokenOff })),
      "# HELP selvage_tunnel_bytes_total Bytes of those that are over, from the caller (in) and to it (out).",
      "# TYPE selvage_tunnel_bytes_total counter",
      ...lines("selvage_tunnel_bytes_total", "way", ({ bytesIn, bytesOut }) => ({ in: bytesIn, out: bytesOut })),
    ];
  }
}
