/**
 * Path templates of `google.api.http` (google/api/http.proto, "Path template syntax"): `/v1/{name=shelves/*}/books:search`. One
 * `**` may stand at the end, before the verb.
 */

export interface PathTemplate {
  /** One a segment: a literal with its escapes as a path has them, `*` or `**`. */
  readonly segments: readonly string[];
  /** Behind the last `:`; "" for none. */
  readonly verb: string;
  readonly variables: readonly TemplateVariable[];
}

export interface TemplateVariable {
  /** Names of fields, from the request's message inwards. */
  readonly fields: readonly string[];
  /** First segment of its value. */
  readonly from: number;
  /** Behind its last segment; absent: all that are left. */
  readonly to?: number;
  /** Its value may have several segments. */
  readonly isMany: boolean;
}

/** @returns the template, or what is wrong with it */
export function parsePathTemplate(text: string): PathTemplate | string {
  if (!text.startsWith("/")) return "it does not begin with /";
  const { path, verb } = splitVerb(text);
  if (verb !== "" && !LITERAL.test(verb)) return `${JSON.stringify(verb)} is no verb`;
  if (text.endsWith(":")) return "the verb is empty";
  const segments: string[] = [];
  const variables: TemplateVariable[] = [];
  for (let at = 1; at <= path.length; ) {
    const isVariable = path[at] === "{";
    const end = isVariable ? path.indexOf("}", at) + 1 : endOfSegment(path, at);
    if (end === 0) return "a { has no }";
    const fault = isVariable
      ? readVariable(path.slice(at + 1, end - 1), segments, variables)
      : readSegment(path.slice(at, end), segments);
    if (fault !== undefined) return fault;
    if (end < path.length && path[end] !== "/") return "a variable ends within a segment";
    at = end + 1;
  }
  const rest = segments.indexOf("**");
  if (rest >= 0 && rest < segments.length - 1) return "** stands before the end";
  const names = variables.map(({ fields }) => fields.join("."));
  const twice = names.find((name, at) => names.indexOf(name) < at);
  return twice === undefined ? { segments, verb, variables } : `the variable ${twice} occurs twice`;
}

/** The verb stands behind the last `:` that is in the last segment, and in no variable. */
function splitVerb(text: string): { readonly path: string; readonly verb: string } {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || colon < text.lastIndexOf("/") || colon < text.lastIndexOf("}")) return { path: text, verb: "" };
  return { path: text.slice(0, colon), verb: text.slice(colon + 1) };
}

function endOfSegment(path: string, at: number): number {
  const end = path.indexOf("/", at);
  return end < 0 ? path.length : end;
}

const LITERAL = /^(?:[\w.~!$&'()+,;=@-]|%[0-9A-F]{2})+$/;
const IDENTIFIER = /^[A-Za-z_]\w*$/;

function readSegment(segment: string, into: string[]): string | undefined {
  if (segment !== "*" && segment !== "**" && !LITERAL.test(segment))
    return segment === "" ? "a segment is empty" : `${JSON.stringify(segment)} is no segment`;
  into.push(segment);
  return undefined;
}

function readVariable(text: string, segments: string[], variables: TemplateVariable[]): string | undefined {
  const equals = text.indexOf("=");
  const fields = (equals < 0 ? text : text.slice(0, equals)).split(".");
  if (!fields.every((field) => IDENTIFIER.test(field))) return `${JSON.stringify(text)} names no field`;
  const own = equals < 0 ? ["*"] : text.slice(equals + 1).split("/");
  const from = segments.length;
  for (const segment of own) {
    const fault = readSegment(segment, segments);
    if (fault !== undefined) return fault;
  }
  const hasRest = own.includes("**");
  variables.push({ fields, from, ...(!hasRest && { to: segments.length }), isMany: hasRest || own.length > 1 });
  return undefined;
}
