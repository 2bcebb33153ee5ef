/** How the methods of a descriptor are called by HTTP: their rules with the fields that they name. */
import type { DescField, DescMessage, DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import { fieldNamed, findField, isWritableAsText } from "./field-path.ts";
import { type HttpRule, httpRulesOf } from "./http-rule.ts";
import { type PathTemplate, parsePathTemplate, type TemplateVariable } from "./path-template.ts";
import type { TranscodeSettings } from "./settings.ts";

export interface Binding {
  readonly method: DescMethod;
  readonly rule: HttpRule;
  readonly template: PathTemplate;
  readonly variables: readonly BoundVariable[];
  /** What the content is: nothing, all fields that the path does not bind, or one field. */
  readonly body: "none" | "all" | DescField;
  /** The field of the answer that is its content; absent: all of it. */
  readonly responseBody?: DescField;
}

export interface BoundVariable extends Omit<TemplateVariable, "fields"> {
  /** From the request's message inwards. */
  readonly fields: readonly DescField[];
}

/** Something about a method that keeps it, or one of its rules, from being called. */
export interface BindingFault {
  /** `package.Service.Method` */
  readonly method: string;
  /** `rule`: the descriptor is wrong; `streaming`: it is a kind of call that HTTP cannot make. */
  readonly kind: "rule" | "streaming";
  readonly reason: string;
}

export interface Bindings {
  /** In the order of the descriptor. */
  readonly bindings: readonly Binding[];
  readonly faults: readonly BindingFault[];
}

/** Full name of a method, as in `BindingFault`. */
export const methodName = ({ parent, name }: DescMethod): string => `${parent.typeName}.${name}`;

/** Path that a method is called at by gRPC. */
export const callPath = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`;

/** Whether a client has more to say than one message. */
export const isClientStreaming = ({ methodKind }: DescMethod): boolean =>
  methodKind === "client_streaming" || methodKind === "bidi_streaming";

export const servicesOf = (registry: Registry): DescService[] =>
  [...registry].filter((one): one is DescService => one.kind === "service");

/** @param settings which services, and whether methods without a rule are called, too */
export function bindingsOf(
  registry: Registry,
  { services, autoMap }: Pick<TranscodeSettings, "services" | "autoMap">,
): Bindings {
  const bindings: Binding[] = [];
  const faults: BindingFault[] = [];
  for (const service of servicesOf(registry)) {
    if (services !== undefined && !services.includes(service.typeName)) continue;
    for (const method of service.methods) {
      const rules = rulesOf(method, autoMap === true);
      const fail = (reason: string, kind: BindingFault["kind"] = "rule"): void =>
        void faults.push({ method: methodName(method), kind, reason });
      if (typeof rules === "string") {
        fail(rules);
        continue;
      }
      if (rules.length > 0 && isClientStreaming(method))
        fail("it streams from the client, for which a request by HTTP has no form", "streaming");
      for (const rule of rules) {
        const bound = bind(method, rule);
        if (typeof bound === "string") fail(`${ruleText(rule)}: ${bound}`);
        else bindings.push(bound);
      }
    }
  }
  return { bindings, faults };
}

/** A rule for people: `GET /v1/orders/{id}`. */
export const ruleText = ({ method, template }: HttpRule): string => `${method} ${template}`.trim();

function rulesOf(method: DescMethod, autoMap: boolean): HttpRule[] | string {
  try {
    const rules = httpRulesOf(method.proto.options?.$unknown);
    if (rules.length > 0 || !autoMap) return rules;
  } catch {
    return "its option google.api.http cannot be read";
  }
  return [{ method: "POST", template: callPath(method), body: "*", responseBody: "" }];
}

function bind(method: DescMethod, rule: HttpRule): Binding | string {
  if (rule.template === "" || rule.method === "") return "the rule has no path";
  if (!/^(?:\*|[A-Z][A-Z0-9_-]*)$/.test(rule.method)) return `${JSON.stringify(rule.method)} is no method of HTTP`;
  const template = parsePathTemplate(rule.template);
  if (typeof template === "string") return template;
  const variables: BoundVariable[] = [];
  for (const { fields: names, ...place } of template.variables) {
    const fields = findField(method.input, names);
    if (typeof fields === "string") return fields;
    const leaf = fields.at(-1);
    if (leaf === undefined || leaf.fieldKind === "list" || !isWritableAsText(leaf))
      return `the path binds ${names.join(".")}, which has more than one value`;
    variables.push({ ...place, fields });
  }
  const body = bodyOf(method.input, rule.body);
  if (typeof body === "string" && body !== "none" && body !== "all") return body;
  const responseBody = rule.responseBody === "" ? undefined : fieldNamed(method.output, rule.responseBody);
  if (rule.responseBody !== "" && responseBody === undefined)
    return `response_body names ${rule.responseBody}, which ${method.output.typeName} does not have`;
  return { method, rule, template, variables, body, ...(responseBody !== undefined && { responseBody }) };
}

function bodyOf(input: DescMessage, body: string): Binding["body"] | string {
  if (body === "") return "none";
  if (body === "*") return "all";
  return fieldNamed(input, body) ?? `body names ${body}, which ${input.typeName} does not have`;
}
