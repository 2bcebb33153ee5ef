/** A workflow of Arazzo 1.1 as a route that composes its answer. */
import { conditionOf, holeOf, type Names, placeOf, templateOf } from "./expressions.ts";
import { type Loose, type Loss, listOf, memberOf, objectOf, textOf } from "./loose.ts";
import { baseOf, findOperation, type Operation, type Source } from "./operations.ts";

export interface ImportOptions {
  /** Absent: the only one. */
  readonly workflow?: string;
  readonly sources: readonly Source[];
}

export interface Imported {
  /** As it stands in `gateway.routes`. */
  readonly route: Loose;
  readonly losses: readonly Loss[];
}

/**
 * The route, and everything of the workflow that it does not do. Steps run one after the other, as Arazzo has it, unless
 * `x-selvage-execution: parallel` says that their own dependencies are enough.
 * @throws Error when there is no such workflow
 */
export function importArazzo(document: unknown, { workflow, sources }: ImportOptions): Imported {
  const workflows = listOf(memberOf(document, "workflows")).map(objectOf);
  const ids = workflows.map(({ workflowId }) => textOf(workflowId) ?? "");
  const at = workflow === undefined && workflows.length === 1 ? 0 : ids.indexOf(workflow ?? "");
  const chosen = workflows[at];
  if (chosen === undefined) throw new Error(`choose one of its workflows: ${ids.join(", ")}`);
  return new WorkflowImport(document, chosen, `workflows[${at}]`, sources).run(ids[at] ?? "workflow");
}

class WorkflowImport {
  readonly #document: unknown;
  readonly #workflow: Loose;
  readonly #place: string;
  readonly #sources: readonly Source[];
  readonly #steps: readonly Loose[];
  readonly #names: Names;
  readonly #losses: Loss[] = [];

  constructor(document: unknown, workflow: Loose, place: string, sources: readonly Source[]) {
    this.#document = document;
    this.#workflow = workflow;
    this.#place = place;
    this.#sources = sources;
    this.#steps = listOf(workflow.steps).map(objectOf);
    const parts = new Map(
      this.#steps.map((step, at) => [textOf(step.stepId) ?? "", partName(textOf(step.stepId), at)]),
    );
    const outputs = new Map(this.#steps.map((step) => [textOf(step.stepId) ?? "", objectOf(step.outputs)]));
    this.#names = { inputs: inputsFrom(objectOf(workflow.inputs)), parts, outputs };
  }

  run(id: string): Imported {
    const isParallel = this.#workflow["x-selvage-execution"] === "parallel";
    const parts: [string, Loose][] = [];
    for (const [at, step] of this.#steps.entries()) {
      const name = partName(textOf(step.stepId), at);
      const before = isParallel || at === 0 ? [] : [partName(textOf(this.#steps[at - 1]?.stepId), at - 1)];
      const part = this.#part(step, name, before, `${this.#place}.steps[${at}]`);
      if (part !== undefined) parts.push([name, part]);
    }
    this.#loseUnread();
    const output = this.#outputs();
    const method = this.#names.inputs === "body" ? "POST" : "GET";
    const route = {
      name: routeName(id),
      match: { path: `/workflows/${encodeURIComponent(id)}`, methods: [method] },
      aggregate: Object.fromEntries(parts.map(([name, part]) => [name, this.#withKnown(part, parts)])),
      ...(output !== undefined && { answer: { output } }),
    };
    return { route, losses: this.#losses };
  }

  #lose(place: string, reason: string): undefined {
    this.#losses.push({ place, reason });
    return undefined;
  }

  /** A part that could not be made is nobody's predecessor. */
  #withKnown(part: Loose, parts: readonly (readonly [string, Loose])[]): Loose {
    const { after, ...rest } = part;
    const known = listOf(after).filter((name) => parts.some(([one]) => one === name));
    return known.length === 0 ? rest : { ...rest, after: known };
  }

  #part(step: Loose, name: string, before: readonly string[], place: string): Loose | undefined {
    const operation = findOperation(step, this.#sources);
    if (typeof operation === "string") return this.#lose(place, operation);
    const base = baseOf(operation.source);
    if (base === undefined)
      return this.#lose(
        place,
        `the source ${operation.source.name} has no server with an http(s) URL: name its service`,
      );
    const names = { ...this.#names, own: name };
    const { path, query, headers } = this.#parameters(step, operation, names, place);
    if (path === undefined) return undefined;
    const body = this.#body(step, operation, names, place);
    const expect = this.#criteria(step, place);
    const after = [...new Set([...before, ...this.#dependsOn(step, place)])];
    this.#loseActions(step, place);
    const retries = this.#retries(step, operation, place);
    return {
      [operation.method]: base + path,
      ...(Object.keys(query).length > 0 && { query }),
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(body !== undefined && { body }),
      ...(expect !== undefined && { expect }),
      ...(after.length > 0 && { after }),
      ...(typeof step.timeout === "number" && { timeout: `${step.timeout}ms` }),
      ...(retries !== undefined && { retries }),
    };
  }

  #parameters(step: Loose, operation: Operation, names: Names, place: string) {
    const query: Record<string, unknown> = {};
    const headers: Record<string, string> = {};
    const cookies: string[] = [];
    const all = [...listOf(this.#workflow.parameters), ...listOf(step.parameters)].map((one) => this.#resolve(one));
    const inPath = new Map<string, string>();
    for (const [at, { name, in: where, value }] of all.entries()) {
      const here = `${place}.parameters[${at}]`;
      const filled = this.#value(value, names, here);
      if (filled === undefined || typeof name !== "string") continue;
      if (where === "query") query[name] = filled;
      else if (typeof filled === "object") this.#lose(here, `the ${String(where)} parameter ${name} is no text`);
      else if (where === "path") inPath.set(name, String(filled));
      else if (where === "header") headers[name] = String(filled);
      else if (where === "cookie") cookies.push(`${name}=${String(filled)}`);
      else this.#lose(here, `a parameter in ${String(where)} has no equivalent`);
    }
    if (cookies.length > 0) headers.cookie = cookies.join("; ");
    const open = operation.path.match(/\{[^{}]+\}/g)?.find((hole) => !inPath.has(hole.slice(1, -1)));
    if (open !== undefined) this.#lose(place, `nothing is said of the path parameter ${open}`);
    const filled = operation.path.replaceAll(/\{([^{}]+)\}/g, (_, name: string) => inPath.get(name) ?? "");
    return { path: open === undefined ? filled : undefined, query, headers };
  }

  /** What a Reusable Object stands for. */
  #resolve(parameter: unknown): Loose {
    const { reference, value } = objectOf(parameter);
    if (typeof reference !== "string") return objectOf(parameter);
    const name = reference.replace(/^\$components\.parameters\./, "");
    const found = objectOf(memberOf(memberOf(memberOf(this.#document, "components"), "parameters"), name));
    return value === undefined ? found : { ...found, value };
  }

  /** A constant, an expression, or either inside others. Undefined: it is lost. */
  #value(value: unknown, names: Names, place: string): unknown {
    if (typeof value === "string") {
      const found = templateOf(value, names);
      return "lost" in found ? this.#lose(place, found.lost) : found.text;
    }
    if (Array.isArray(value)) return value.map((one, at) => this.#value(one, names, `${place}[${at}]`));
    if (typeof value !== "object" || value === null) return value;
    if ("context" in value && "selector" in value) {
      const found = placeOf(value, names);
      return "lost" in found ? this.#lose(place, found.lost) : holeOf(found.names);
    }
    const members = Object.entries(value).map(([name, one]) => [name, this.#value(one, names, `${place}.${name}`)]);
    return Object.fromEntries(members);
  }

  #body(step: Loose, { method }: Operation, names: Names, place: string): unknown {
    const body = objectOf(step.requestBody);
    const here = `${place}.requestBody`;
    if (step.requestBody === undefined) return undefined;
    if (method === "get" || method === "head") return this.#lose(here, `${method.toUpperCase()} has no body`);
    const type = textOf(body.contentType) ?? "application/json";
    if (!/^application\/(?:[\w.-]+\+)?json\b/.test(type))
      return this.#lose(here, `bodies are JSON, this one is ${type}`);
    if (body.replacements !== undefined) this.#lose(`${here}.replacements`, "write what is replaced into the payload");
    return this.#value(parsedPayload(body.payload), names, `${here}.payload`);
  }

  #criteria(step: Loose, place: string): string | undefined {
    const conditions: string[] = [];
    for (const [at, one] of listOf(step.successCriteria).entries()) {
      const { condition, type = "simple" } = objectOf(one);
      const here = `${place}.successCriteria[${at}]`;
      if (type !== "simple" || typeof condition !== "string")
        this.#lose(here, `only simple conditions have an equivalent, in CEL`);
      else {
        const found = conditionOf(condition);
        if ("lost" in found) this.#lose(here, found.lost);
        else conditions.push(found.cel);
        if ("minds" in found && found.minds !== undefined) this.#lose(here, found.minds);
      }
    }
    if (conditions.length === 0) return undefined;
    return conditions.length === 1 ? conditions[0] : conditions.map((one) => `(${one})`).join(" && ");
  }

  #dependsOn(step: Loose, place: string): string[] {
    return listOf(step.dependsOn).flatMap((id, at) => {
      const name = typeof id === "string" ? this.#names.parts.get(id) : undefined;
      if (name === undefined) this.#lose(`${place}.dependsOn[${at}]`, `${String(id)} is no step of this workflow`);
      return name ?? [];
    });
  }

  /** That a failed step ends the workflow is what a required part does; everything else is lost. */
  #loseActions(step: Loose, place: string): void {
    for (const [at, action] of listOf(step.onSuccess).entries())
      this.#lose(
        `${place}.onSuccess[${at}]`,
        `${actionName(action)}: parts follow from what they name, write it as \`when\``,
      );
    for (const [at, action] of listOf(step.onFailure).entries()) {
      const { type, criteria } = objectOf(action);
      if ((type === "end" && criteria === undefined) || type === "retry") continue;
      this.#lose(
        `${place}.onFailure[${at}]`,
        `${actionName(action)}: a required part that fails ends all, write it as \`optional\` and \`when\``,
      );
    }
  }

  #retries(step: Loose, { source, method }: Operation, place: string): Loose | undefined {
    const at = listOf(step.onFailure).findIndex((action) => memberOf(action, "type") === "retry");
    if (at < 0) return undefined;
    const here = `${place}.onFailure[${at}]`;
    const { criteria, retryLimit = 1, retryAfter } = objectOf(listOf(step.onFailure)[at]);
    if (criteria !== undefined) return this.#lose(here, "retries go by status, write them as `retries.on`");
    if (source.service !== undefined)
      return this.#lose(
        here,
        `calls into the mesh are retried by its agents: write \`retries\` of mesh.services.${source.service}`,
      );
    if (retryAfter !== undefined) this.#lose(`${here}.retryAfter`, "pauses are drawn, write them as `retries.backoff`");
    const attempts = Math.min(5, Math.max(0, Math.ceil(Number(retryLimit) || 0)));
    if (attempts !== retryLimit) this.#lose(`${here}.retryLimit`, `${attempts} attempts are made`);
    return { attempts, ...(!["get", "head", "put", "delete"].includes(method) && { idempotent: true }) };
  }

  #outputs(): Loose | undefined {
    const outputs = Object.entries(objectOf(this.#workflow.outputs));
    if (outputs.length === 0) return undefined;
    const found = outputs.flatMap(([name, value]) => {
      const place = placeOf(value, this.#names);
      if (!("lost" in place)) return [[name, holeOf(place.names)]];
      this.#lose(`${this.#place}.outputs.${name}`, place.lost);
      return [];
    });
    return found.length === 0 ? undefined : Object.fromEntries(found);
  }

  #loseUnread(): void {
    for (const key of ["successActions", "failureActions", "dependsOn"])
      if (this.#workflow[key] !== undefined)
        this.#lose(`${this.#place}.${key}`, "it has no equivalent for a whole route");
    if (Object.keys(objectOf(this.#workflow.inputs)).length > 0)
      this.#lose(
        `${this.#place}.inputs`,
        `inputs come from the ${this.#names.inputs}; nothing checks them by their schema`,
      );
  }
}

/** Scalars fit into a query; everything else needs a body. */
function inputsFrom(inputs: Loose): "body" | "query" {
  const types = Object.values(objectOf(inputs.properties)).map((schema) => memberOf(schema, "type"));
  return types.every((type) => ["string", "integer", "number", "boolean"].includes(String(type))) ? "query" : "body";
}

/** Payloads may be JSON as a text. */
function parsedPayload(payload: unknown): unknown {
  if (typeof payload !== "string" || !/^\s*[[{]/.test(payload)) return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function actionName(action: unknown): string {
  const { name, reference, type } = objectOf(action);
  return textOf(name) ?? textOf(reference) ?? String(type);
}

/** A name that templates and conditions can say. */
function partName(id: string | undefined, at: number): string {
  const plain = (id ?? "").replaceAll(/[^A-Za-z0-9_]/g, "_").slice(0, 60);
  return /^[A-Za-z]/.test(plain) && !(plain in Object.prototype) && !RESERVED.includes(plain)
    ? plain
    : `step${at}_${plain}`;
}

const RESERVED = ["identity", "path", "query", "body", "item", "index", "status", "request", "problems"];

const routeName = (id: string): string => {
  const plain = id.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, 62);
  return /^[A-Za-z]/.test(plain) ? plain : `w${plain}`;
};
