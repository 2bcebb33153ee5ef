/** Edges of the mesh for people. */
import type { CalledEdge, EdgeMark } from "./called-edges.ts";
import { type Cell, table } from "./output.ts";
import { millisText, rateText, securedCell, successCell } from "./usage-table.ts";

const STYLES = { allowed: "ok", shadow: "warn", denied: "bad" } as const;

/** @param isCounted whether the control plane was asked who calls */
export function edgeTable(edges: readonly CalledEdge[], isCounted: boolean): string {
  const counted = isCounted ? ["CALLS", "RATE", "SUCCESS", "P95", "SECURED"] : [];
  const head = ["FROM", "TO", "", ...counted, "ASKS FOR", "BY ROUTES", "PLACE", ...(isCounted ? ["NOTE"] : [])];
  return table(
    head,
    edges.map((edge) => [
      ...[edge.from, edge.to, { text: edge.verdict, style: STYLES[edge.verdict] }],
      ...(isCounted ? callCells(edge) : []),
      ...[edge.asks.join("; "), edge.routes.join(", "), edge.place],
      ...(isCounted ? [noteCell(edge)] : []),
    ]),
  );
}

function callCells({ calls }: CalledEdge): (string | Cell)[] {
  if (calls === undefined) return ["0", "-", "-", "-", "-"];
  const { requests, perSecond, success, p95Ms } = calls;
  const cells = [rateText(perSecond), successCell(success), millisText(p95Ms), securedCell(requests, calls)];
  return [String(requests), ...cells];
}

function noteCell(edge: CalledEdge): string | Cell {
  const text = edge.marks.flatMap((mark) => noteOf(mark, edge)).join("; ");
  const isBad = edge.marks.some((mark) => mark === "refused" || mark === "not-secured");
  return { text, style: isBad ? "bad" : edge.marks.length === 0 ? "ok" : "warn" };
}

function noteOf(mark: EdgeMark, { verdict, calls }: CalledEdge): string[] {
  const { denied = 0, wouldRefuse = 0 } = calls ?? {};
  if (mark === "not-called") return ["not called"];
  if (mark === "called-in-shadow") return [wouldRefuse > 0 ? `${wouldRefuse} would be refused` : "called in shadow"];
  if (mark === "refused") return [`${denied} refused`];
  if (mark === "not-secured") return [];
  return [verdict === "denied" ? "no rule" : "no rule, let through in shadow"];
}
