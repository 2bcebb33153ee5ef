import { printable } from "../../shared/config/code-frame.ts";
import type { Finding } from "./finding.ts";

/** A finding on one line, as compilers write it: `selvage.yaml:3:5: warning[SLV3012]: ... (routes.orders)`. */
export function shortLine({ file, line, column, severity, code, message, fix, place }: Finding): string {
  const where = [file, line, column].filter((one) => one !== undefined).join(":");
  const head = where === "" ? "" : `${where}: `;
  const at = place === "" ? "" : ` (${place})`;
  return printable(`${head}${severity}[${code}]: ${message}${at}${fix === undefined ? "" : ` | ${fix}`}`);
}
