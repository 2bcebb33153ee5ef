/** The certificates of the authority, for people. */
import type { CaStatus, CertificateStatus } from "../shared/wire/ca.ts";
import { ago, type Cell, table } from "./output.ts";

export function certificateTable({ roots, issuer, outside }: Pick<CaStatus, "roots" | "issuer" | "outside">): string {
  const rows = roots.map((root) => row("root", root, root.state));
  if (issuer !== undefined) rows.push(row("issuer", issuer, "signs"));
  for (const root of outside?.roots ?? []) rows.push(row("root", root, "believed"));
  return table(["", "SHA-256", "SUBJECT", "BY", "STATE", "ENDS"], rows);
}

function row(kind: string, certificate: CertificateStatus, state: string): (string | Cell)[] {
  const { fingerprint, subject, external, notAfterMs } = certificate;
  const date = new Date(notAfterMs).toISOString().slice(0, 10);
  const leftMs = notAfterMs - Date.now();
  const ends: Cell = leftMs > 0 ? { text: `${date}, in ${ago(leftMs)}` } : { text: `${date}, over`, style: "bad" };
  return [kind, fingerprint.slice(0, 16), subject, external ? "outside" : "itself", state, ends];
}
