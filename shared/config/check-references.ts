/** `${secret:}` stands in header values and as secrets of a provider only; `${env:}` was replaced before a document is checked. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, type Path, warning } from "./problem.ts";
import { type Reference, referencesIn, type Secrets } from "./references.ts";
import { quote } from "./schema-problems.ts";

export function checkReferences(top: Cursor, secrets: Secrets | undefined): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const visit = (cursor: Cursor): void => {
    if (cursor.text !== undefined)
      for (const reference of referencesIn(cursor.text))
        problems.push(...checkReference(reference, cursor.path, secrets));
    for (const item of cursor.items) visit(item);
    for (const [, value] of cursor.entries) visit(value);
  };
  visit(top);
  return problems;
}

function checkReference(reference: Reference, path: Path, secrets: Secrets | undefined): DocumentProblem[] {
  if (reference.kind === "unknown") return [malformed(reference, path)];
  if (reference.kind === "env")
    return [
      error(
        "SLV4003",
        path,
        `${reference.text} was not replaced: environment variables are read where the document is loaded`,
      ),
    ];
  if (
    ![isEditValue, isProviderSecret, isSignerSecret, isDecisionField, isPartField, isCodeSetting, isExportField].some(
      (isPlace) => isPlace(path),
    )
  )
    return [
      error(
        "SLV4003",
        path,
        `${reference.text}: secrets can be used in values of headers and query in \`transform\`, in headers of parts, of decision points and of telemetry, in settings of code, and as secrets of a provider only`,
      ),
    ];
  if (secrets === undefined || secrets.has(reference.name)) return [];
  const where = secrets.lookedIn === undefined ? "" : ` in ${secrets.lookedIn}`;
  return [warning("SLV4001", path, `the secret ${reference.name} was not found${where}`)];
}

function malformed(reference: Reference, path: Path): DocumentProblem {
  const inner = /^\$\{([^{}:]*)\}$/.exec(reference.text)?.[1];
  return error("SLV4003", path, `${quote(reference.text)} is not a reference`, {
    expected: "${env:NAME}, ${env:NAME:-default} or ${secret:NAME}",
    ...(inner !== undefined && {
      suggestion: inner.includes(".") ? `{${inner}}` : `\${env:${inner === "" ? "NAME" : inner}}`,
    }),
  });
}

const PROVIDER_SECRETS: readonly unknown[] = ["secret", "clientSecret", "bearer"];

/** gateway.identity.<name>.<kind>.(secret|clientSecret|bearer) */
function isProviderSecret(path: Path): boolean {
  return path.length === 5 && path[0] === "gateway" && path[1] === "identity" && PROVIDER_SECRETS.includes(path[4]);
}

/** gateway.identity.<name>: webhook.secrets, webhook.secrets[n], signature.keys[n].secret */
function isSignerSecret(path: Path): boolean {
  const place = path.slice(3).map((key) => (typeof key === "number" ? "n" : key));
  const isSigner = ["webhook.secrets", "webhook.secrets.n", "signature.keys.n.secret"].includes(place.join("."));
  return isSigner && path[0] === "gateway" && path[1] === "identity";
}

/** gateway.decisions.<name>.<kind>.headers.<name> */
function isDecisionField(path: Path): boolean {
  return path.length === 6 && path[0] === "gateway" && path[1] === "decisions" && path[4] === "headers";
}

/** telemetry.otlp.headers.<name> */
function isExportField(path: Path): boolean {
  return path.length === 4 && path[0] === "telemetry" && path[1] === "otlp" && path[2] === "headers";
}

/** gateway.routes[n].transform.(request|response|response[n]).(headers|query).(set|add|append).<name> */
function isEditValue(path: Path): boolean {
  if (path[0] !== "gateway" || path[1] !== "routes" || path[3] !== "transform") return false;
  const [side, ...place] = path.slice(4).filter((key) => typeof key !== "number");
  const [kind, edit, , ...deeper] = place as string[];
  const isKind = kind === "headers" || (kind === "query" && side === "request");
  return isKind && ["set", "add", "append"].includes(edit ?? "") && deeper.length === 0;
}

/** gateway.routes[n].policies[n].with and gateway.routes[n].handler.with, all below */
function isCodeSetting(path: Path): boolean {
  if (path[0] !== "gateway" || path[1] !== "routes") return false;
  const [kind, ...place] = path.slice(3).filter((key) => typeof key !== "number");
  return (kind === "policies" || kind === "handler") && place[0] === "with" && place.length > 1;
}

/** gateway.routes[n].aggregate.<part>.headers.<name> */
function isPartField(path: Path): boolean {
  return path.length === 7 && path[1] === "routes" && path[3] === "aggregate" && path[5] === "headers";
}
