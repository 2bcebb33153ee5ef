/** Findings in the Static Analysis Results Interchange Format (SARIF 2.1.0, OASIS), as code hosts and editors read it. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Finding } from "./finding.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** One log with one run. @param version of the tool */
export function sarifLog(findings: readonly Finding[], version: string): object {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  const rules = codes.map((id) => ({
    id,
    shortDescription: { text: findings.find(({ code }) => code === id)?.meaning ?? id },
    help: { text: `selvage help ${id}` },
  }));
  const driver = { name: "selvage", semanticVersion: version, rules };
  const results = findings.map((finding) => resultOf(finding, codes.indexOf(finding.code)));
  return { $schema: SCHEMA, version: "2.1.0", runs: [{ tool: { driver }, columnKind: "utf16CodeUnits", results }] };
}

function resultOf(finding: Finding, ruleIndex: number): object {
  const { code, severity, message, fix, ignored, place } = finding;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: fix === undefined ? message : `${message} (${fix})` },
    locations: [locationOf(finding)],
    // A code host tells findings apart by it when lines move.
    partialFingerprints: { "selvagePlace/v1": `${code}@${place}` },
    ...(ignored !== undefined && {
      suppressions: [
        {
          kind: ignored.inDocument ? "inSource" : "external",
          ...(ignored.reason !== undefined && { justification: ignored.reason }),
        },
      ],
    }),
  };
}

function locationOf({ file, line, column, length, place }: Finding): object {
  const region = line !== undefined && {
    region: {
      startLine: line,
      ...(column !== undefined && { startColumn: column, endColumn: column + Math.max(1, length ?? 1) }),
    },
  };
  const uri = file === undefined ? undefined : uriOf(file);
  return {
    ...(uri !== undefined && { physicalLocation: { artifactLocation: { uri }, ...region } }),
    ...(place !== "" && { logicalLocations: [{ fullyQualifiedName: place }] }),
  };
}

/** A relative reference where the file is below the current folder (RFC 3986); undefined: it is no file. */
function uriOf(file: string): string | undefined {
  if (file === "stdin") return undefined;
  if (path.isAbsolute(file)) return pathToFileURL(file).href;
  return file.split(path.sep).map(encodeURIComponent).join("/");
}
