/**
 * Endpoints of KrakenD's own test configuration (krakend-ce, Apache-2.0) as routes of ours. What has no equivalent in a composed
 * answer is named with its reason.
 */

export interface Backend {
  readonly url_pattern: string;
  readonly host: readonly string[];
  readonly encoding?: string;
  readonly group?: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly is_collection?: boolean;
  readonly mapping?: Readonly<Record<string, string>>;
  readonly extra_config?: Readonly<Record<string, unknown>>;
}

export interface Endpoint {
  readonly endpoint: string;
  readonly method?: string;
  readonly timeout?: string;
  readonly output_encoding?: string;
  readonly input_headers?: readonly string[];
  readonly input_query_strings?: readonly string[];
  readonly backend: readonly Backend[];
  readonly extra_config?: { readonly proxy?: { readonly static?: { readonly data: object } } } & Readonly<
    Record<string, unknown>
  >;
}

type Route = Readonly<Record<string, unknown>>;

/** @returns the route, or why there is none */
export function routeOf(endpoint: Endpoint, at: number): Route | string {
  const { backend, method = "GET", output_encoding: output } = endpoint;
  const known = OTHERWISE[endpoint.endpoint];
  const refused = refusalOf(endpoint);
  if (refused !== undefined) return refused;
  const name = `e${at}`;
  const match = { path: endpoint.endpoint.replace(/\/$/, "") || "/", methods: [method] };
  const [first] = backend;
  if (first === undefined) return "it calls nobody";
  if (output === "no-op" || endpoint.input_query_strings?.includes("*"))
    return { name, match, to: first.host[0], rewrite: first.url_pattern };
  const parts = backend.map((one, index) => [`resp${index}`, partOf(endpoint, one, known?.path?.[index])]);
  const outputs = backend.map((one, index) => memberOf(one, `{resp${index}?}`));
  // Its conventions of XML are those of the mxj library.
  const xml = { from: "json", to: "xml", attributePrefix: "-", ...(first.encoding === "xml" ? {} : { root: "doc" }) };
  const constants = endpoint.extra_config?.proxy?.static?.data;
  return {
    name,
    match,
    ...(endpoint.timeout !== undefined && { timeout: endpoint.timeout.replace("us", "ms") }),
    aggregate: Object.fromEntries(parts),
    ...(output === "xml" && { transform: { response: { body: xml } } }),
    answer: {
      output: known?.output ?? { $merge: [...outputs, ...(constants === undefined ? [] : [constants])] },
      ...(known?.problems === true && { problems: true }),
    },
  };
}

/** What KrakenD says in a script or by its own operations. */
const OTHERWISE: Readonly<
  Record<
    string,
    { readonly path?: readonly (string | undefined)[]; readonly output?: unknown; readonly problems?: true }
  >
> = {
  "/sequential/propagate": { path: [undefined, "/param_forwarding/{resp0.foo}"] },
  "/flatmap/{id}": { output: { paths: { $each: "{resp0}", $as: { url: "{item.path}" } } } },
  "/detail_error": { problems: true },
  "/show/{id}": {
    output: { schedule: { title: "{resp0.channel.title}" }, available: { title: "{resp1.channel.title}" } },
  },
};

function refusalOf({ endpoint, extra_config: config = {} }: Endpoint): string | undefined {
  if (config["auth/validator"] !== undefined) return "symmetric keys that an issuer publishes are not accepted";
  if (config["auth/signer"] !== undefined) return "the gateway signs no tokens for clients";
  if (config["validation/cel"] !== undefined) return "no case is there";
  if (config["validation/json-schema"] !== undefined) return "bodies are validated by another policy";
  if (config["modifier/lua-proxy"] !== undefined || endpoint.startsWith("/lua/")) return "there are no scripts in Lua";
  if (endpoint === "/sequential/propagate-full") return "a template has no base64";
  return undefined;
}

function partOf(endpoint: Endpoint, backend: Backend, path: string | undefined): Route {
  const only = endpoint.backend.length === 1;
  const method = endpoint.method === "POST" ? "post" : "get";
  const holes = path ?? backend.url_pattern.replaceAll(/\{([^{}]+)\}/g, (_, name: string) => `{${holeOf(name)}}`);
  const query = (endpoint.input_query_strings ?? []).map((name) => [name, `{query.${name}?}`]);
  return {
    [method]: (backend.host[0] ?? "").replace(/\/$/, "") + (holes.startsWith("/") ? holes : `/${holes}`),
    ...(method === "post" && { body: "{body}" }),
    ...(query.length > 0 && { query: Object.fromEntries(query) }),
    ...(backend.encoding === "xml" && { encoding: { from: "xml", attributePrefix: "-" } }),
    ...(backend.encoding === "rss" && { encoding: { from: "xml", root: "rss" } }),
    ...(backend.allow !== undefined && {
      pick: backend.encoding === "rss" ? backend.allow.map((name) => `channel.${name}`) : backend.allow,
    }),
    ...(backend.deny !== undefined && { omit: backend.deny }),
    redirects: method === "get" ? 1 : 0,
    // KrakenD answers with whatever came, unless nothing did.
    optional: !only || endpoint.extra_config?.proxy?.static !== undefined,
  };
}

/** `{resp0_foo}` is of another backend, everything else of the path. */
const holeOf = (name: string): string => (/^resp\d+_/.test(name) ? name.replace("_", ".") : `path.${name}`);

function memberOf({ group, is_collection: isList, mapping }: Backend, value: string): unknown {
  const whole = isList === true ? { [mapping?.collection ?? "collection"]: value } : value;
  return group === undefined ? whole : { [group]: whole };
}
