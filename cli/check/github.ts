/** Findings as workflow commands of GitHub Actions, which it shows at the lines of a change. */
import type { Finding } from "./finding.ts";

/** `::warning file=selvage.yaml,line=3,col=5,endColumn=9,title=SLV3012::...` */
export function githubAnnotation({ severity, file, line, column, length, code, message, fix }: Finding): string {
  const properties = Object.entries({
    file,
    line,
    col: column,
    endColumn: column === undefined || length === undefined ? undefined : column + length,
    title: code,
  });
  const said = properties.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  const text = fix === undefined ? message : `${message}\n${fix}`;
  return `::${severity} ${said.join(",")}::${escapeData(text)}`;
}

const escapeData = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

const escapeProperty = (text: string): string => escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
