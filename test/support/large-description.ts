/**
 * A description by OpenAPI as large as those of the largest public interfaces, nested as theirs are: resources within resources,
 * parameters and answers by reference, schemas of many members that refer to each other, words and examples everywhere.
 */

type Json = Readonly<Record<string, unknown>>;

const MEMBERS = 40;

/** @param resources each has seven operations and four schemas */
export function largeDescription(resources: number, openapi: "3.0.3" | "3.1.0" = "3.0.3"): Json {
  const names = Array.from({ length: resources }, (_, at) => `thing${at}`);
  return {
    openapi,
    info: { title: "Things", version: "1.1.4", description: "Everything about things. ".repeat(20) },
    servers: [{ url: "https://api.example.com/v3" }],
    paths: Object.fromEntries(names.flatMap(pathsOf)),
    components: {
      parameters: {
        owner: parameter("owner", "path", { type: "string" }),
        name: parameter("name", "path", { type: "string", pattern: "^[\\w.-]{1,100}$" }),
        page: parameter("page", "query", { type: "integer", default: 1 }),
        perPage: parameter("per_page", "query", { type: "integer", maximum: 100, default: 30 }),
      },
      responses: Object.fromEntries(
        ["NotFound", "Forbidden", "Invalid"].map((name) => [
          name,
          { description: name, content: json(ref("schemas", "error")) },
        ]),
      ),
      schemas: Object.assign(
        { error: errorSchema, user: schemaOf("user", 0, openapi) },
        ...names.map((name, at) => schemasOf(name, at, names, openapi)),
      ),
    },
  };
}

const ref = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` });
const json = (schema: Json): Json => ({ "application/json": { schema, examples: { default: { value: example } } } });
const example = Object.fromEntries(
  Array.from({ length: MEMBERS }, (_, at) => [
    `member_${at}_url`,
    `https://api.example.com/things/${at}/members{/other}`,
  ]),
);
const errorSchema = {
  type: "object",
  properties: { message: { type: "string" }, documentation_url: { type: "string" }, status: { type: "string" } },
};

const parameter = (name: string, within: string, schema: Json): Json => ({
  name,
  in: within,
  description: `The ${name} of the thing, as it is known to whoever made it.`,
  ...(within === "path" && { required: true }),
  schema,
});

function pathsOf(name: string): [string, Json][] {
  const shared = { parameters: [ref("parameters", "owner"), ref("parameters", "name")] };
  const one = { ...parameter(`${name}_id`, "path", { type: "integer" }) };
  const base = `/repos/{owner}/{name}/${name}`;
  const listed = { type: "array", items: ref("schemas", `${name}-summary`) };
  return [
    [
      base,
      {
        ...shared,
        get: operation(`${name}/list`, json(listed), [ref("parameters", "page"), ref("parameters", "perPage")]),
        post: operation(`${name}/create`, json(ref("schemas", name)), [], body(ref("schemas", `${name}-input`))),
      },
    ],
    [
      `${base}/{${name}_id}`,
      {
        parameters: [...shared.parameters, one],
        get: operation(`${name}/get`, json(ref("schemas", name))),
        patch: operation(
          `${name}/update`,
          json(ref("schemas", name)),
          [],
          body({ type: "object", minProperties: 1, allOf: [ref("schemas", `${name}-input`)] }),
        ),
        delete: operation(`${name}/delete`),
      },
    ],
    [
      `${base}/{${name}_id}/events`,
      {
        parameters: [...shared.parameters, one],
        get: operation(`${name}/events`, json({ type: "array", items: ref("schemas", `${name}-event`) })),
      },
    ],
    [`/user/${name}`, { get: operation(`${name}/mine`, json(listed), [ref("parameters", "page")]) }],
  ];
}

const body = (schema: Json): Json => ({ required: true, content: json(schema) });

function operation(operationId: string, content?: Json, parameters: readonly Json[] = [], requestBody?: Json): Json {
  return {
    summary: `About ${operationId}`,
    description: `Says what becomes of ${operationId}, and who may ask for it. `.repeat(8),
    tags: ["things"],
    operationId,
    externalDocs: { url: `https://docs.example.com/rest/${operationId}` },
    parameters,
    ...(requestBody !== undefined && { requestBody }),
    responses: {
      ...(content === undefined
        ? { 204: { description: "Done" } }
        : { 200: { description: "Here it is", content, headers: { Link: { schema: { type: "string" } } } } }),
      403: ref("responses", "Forbidden"),
      404: ref("responses", "NotFound"),
      422: ref("responses", "Invalid"),
    },
  };
}

function schemasOf(name: string, at: number, names: readonly string[], openapi: string): Json {
  const next = names[(at + 1) % names.length] ?? name;
  const whole = schemaOf(name, at, openapi) as { properties: Json };
  return {
    [name]: {
      ...whole,
      properties: { ...whole.properties, owner: ref("schemas", "user"), parent: ref("schemas", next) },
    },
    [`${name}-summary`]: schemaOf(`${name} summary`, at, openapi),
    [`${name}-input`]: {
      type: "object",
      required: ["title"],
      properties: {
        title: { oneOf: [{ type: "string", maxLength: 256 }, { type: "integer" }] },
        labels: { type: "array", items: { type: "string", pattern: `^[a-z]+-${at}$` } },
      },
    },
    [`${name}-event`]: {
      type: "object",
      allOf: [ref("schemas", `${name}-summary`), { properties: { actor: ref("schemas", "user") } }],
    },
  };
}

function schemaOf(title: string, at: number, openapi: string): Json {
  const maybe = openapi.startsWith("3.0") ? { type: "string", nullable: true } : { type: ["string", "null"] };
  const properties = Object.fromEntries(
    Array.from({ length: MEMBERS }, (_, member) => [
      `member_${member}_url`,
      {
        ...(member % 3 === 0 ? maybe : { type: "string", format: "uri" }),
        description: `Number ${member} of ${title}`,
        example: `${at}`,
      },
    ]),
  );
  return {
    title,
    description: `A ${title}.`,
    type: "object",
    properties,
    required: Object.keys(properties).slice(0, 10),
  };
}
