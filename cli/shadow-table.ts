/** What would happen if policies in shadow were enforced, for people. */
import type { ShadowRow } from "../shared/policy/shadow-report.ts";
import type { ShadowAnswer } from "../shared/wire/shadow.ts";
import { type Cell, table } from "./output.ts";

export function shadowTable({ rows }: Pick<ShadowAnswer, "rows">): string {
  const head = ["OF", "NAME", "POLICY", "JUDGED", "WOULD REFUSE", "SHARE", "BY CODE"];
  return table(head, rows.map(cellsOf));
}

function cellsOf({ of, name, policy, judged, wouldRefuse, share, errors }: ShadowRow): (string | Cell)[] {
  const codes = Object.entries(errors).sort(([, a], [, b]) => b - a);
  const refused = String(wouldRefuse);
  return [
    of,
    name === "*" ? "(others)" : name,
    policy === "*" ? "(others)" : policy,
    String(judged),
    wouldRefuse === 0 ? refused : { text: refused, style: "warn" },
    shareText(share),
    codes.map(([code, count]) => `${code} ${count}`).join(", ") || "-",
  ];
}

/** Rounded up: 0 % is said only of nothing at all. */
function shareText(share: number): string {
  if (share === 0) return "0 %";
  return `${Math.max(0.01, Math.ceil(share * 10_000) / 100).toFixed(2)} %`;
}

/** What to do with it, a line each. */
export function nextSteps({ rows }: Pick<ShadowAnswer, "rows">): string[] {
  const quiet = rows.filter(({ wouldRefuse }) => wouldRefuse === 0);
  const some = rows.find(({ wouldRefuse }) => wouldRefuse > 0);
  return [
    ...(some === undefined
      ? []
      : [`Who would be refused: selvage tap${some.of === "route" ? ` --route ${some.name}` : ""}, column CHAIN`]),
    ...(quiet.length === 0
      ? []
      : ["To enforce what would refuse nobody: take `mode: shadow` away, then selvage diff FILE, selvage apply FILE"]),
  ];
}
