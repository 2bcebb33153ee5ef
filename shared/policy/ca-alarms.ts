/** What of the authority ends soon and does not replace itself. */
import { limits } from "../limits.ts";

/** `text` is one sentence for operators. */
export interface CaAlarm {
  readonly code: "issuer_ends" | "root_ends";
  readonly endsAtMs: number;
  readonly text: string;
}

interface Ending {
  /** When it, or what it rests on, ends; milliseconds since the epoch. */
  readonly endsAtMs: number;
  /** Signed outside of the control plane. */
  readonly external: boolean;
}

/** An issuer of the own root replaces itself in its last third; one from outside, and any root, are an operator's work. */
export function caAlarms(root: Ending | undefined, issuer: Ending | undefined, nowMs: number): CaAlarm[] {
  const { issuerAlarmMs, rootAlarmMs } = limits.authority;
  const found: CaAlarm[] = [];
  if (issuer?.external === true && issuer.endsAtMs - nowMs < issuerAlarmMs) {
    const what = "the issuing certificate, which was signed outside,";
    const text = `${what} ${ends(issuer.endsAtMs, nowMs)}: selvage ca csr, have it signed, selvage ca import`;
    found.push({ code: "issuer_ends", endsAtMs: issuer.endsAtMs, text });
  }
  if (root !== undefined && root.endsAtMs - nowMs < rootAlarmMs) {
    const todo = root.external ? "import an issuer of another root" : "selvage ca rotate-root";
    found.push({
      code: "root_ends",
      endsAtMs: root.endsAtMs,
      text: `the root of the mesh ${ends(root.endsAtMs, nowMs)}: ${todo}`,
    });
  }
  return found;
}

function ends(endsAtMs: number, nowMs: number): string {
  const date = new Date(endsAtMs).toISOString().slice(0, 10);
  if (endsAtMs <= nowMs) return `ended on ${date}`;
  const days = Math.floor((endsAtMs - nowMs) / 86_400_000);
  return `ends on ${date}, in ${days} ${days === 1 ? "day" : "days"}`;
}
