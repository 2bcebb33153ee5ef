/** A request of a tap as a row for people. */
import { printable } from "../../shared/config/code-frame.ts";
import { policyName } from "../../shared/http/access-log.ts";
import type { TapEntry } from "../../shared/policy/tap-entry.ts";
import { type Style, style } from "../output.ts";
import type { Joined } from "./join-hops.ts";

const WIDTHS = [12, 6, 28, 6, 7, 14, 22] as const;

export function tapHead(): string {
  const names = ["TIME", "METHOD", "PATH", "STATUS", "LAT", "CLIENT", "CHAIN", "UPSTREAM"];
  return style("dim", row(names));
}

/** The request, and under it a line for each of its other hops and for each header that is shown. */
export function tapLines({ request, hops }: Joined): string {
  const lines = [rowOf(request, timeOf(request)), ...headerLines(request)];
  for (const hop of hops) lines.push(rowOf(hop, `  └ ${hop.hop}`));
  return lines.join("\n");
}

function rowOf(entry: TapEntry, first: string): string {
  const { method, path, query, status, durationMs, sub, clientIp } = entry;
  const where = query === undefined ? path : `${path}?${query}`;
  const client = entry.hop === "inbound" ? (entry.peer ?? "") : (sub ?? clientIp ?? "");
  const cells = [first, method, where, String(status), latency(durationMs), client, chainOf(entry), upstreamOf(entry)];
  return row(cells, { 3: styleOf(status) });
}

function headerLines({ headers = {} }: TapEntry): string[] {
  return Object.entries(headers).map(([name, value]) => style("dim", `    ${printable(`${name}: ${value}`)}`));
}

function row(cells: readonly string[], styles: Readonly<Record<number, Style | undefined>> = {}): string {
  const shown = cells.map((cell, at) => {
    const text = printable(cell);
    const padded = at < WIDTHS.length ? text.padEnd(WIDTHS[at] ?? 0) : text;
    const as = styles[at];
    return as === undefined ? padded : style(as, padded);
  });
  return shown.join("  ").trimEnd();
}

function styleOf(status: number): Style | undefined {
  if (status === 0 || status >= 500) return "bad";
  return status >= 400 ? "warn" : undefined;
}

const timeOf = ({ time }: TapEntry): string => time.slice("2026-01-01T".length, -1);

/** `18ms`, `2.1s` */
export function latency(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  return ms < 1_000 ? `${Math.round(ms)}ms` : `${(ms / 1_000).toFixed(1)}s`;
}

/** What the hop did with it. */
function chainOf({ sub, cache, error, reason, fault, variant, wouldRefuse, attempts }: TapEntry): string {
  const parts: string[] = [];
  if (sub !== undefined) parts.push("auth✓");
  if (cache !== undefined) parts.push(`cache:${cache}`);
  if (variant !== undefined) parts.push(`variant:${variant}`);
  if (fault !== undefined) parts.push(`fault:${fault}`);
  if (attempts !== undefined && attempts > 1) parts.push(`attempts:${attempts}`);
  for (const one of wouldRefuse ?? []) parts.push(`${policyName(one)}:would-deny`);
  if (error !== undefined) parts.push(`✗ ${error}`);
  if (error !== undefined && reason !== undefined) parts.push(`(${reason.slice(0, 60)})`);
  return parts.join(" ");
}

function upstreamOf({ hop, service, peer, endpoint }: TapEntry): string {
  if (hop === "inbound") return service;
  return [peer, endpoint].filter((part) => part !== undefined).join(" ") || "-";
}
