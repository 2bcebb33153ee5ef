/** From what a folder tells to what a first document says, each with its reason. */
import { exampleRequest } from "./example-request.ts";
import { type Found, type FoundDescription, type FoundOperation, type FoundUpstream, operationsOf } from "./scan.ts";

/** A value and why it is that. */
export interface Decided {
  readonly value: string;
  readonly why: string;
}

export interface Decision {
  readonly name: string;
  readonly contract?: { readonly file: string; readonly operations: number };
  readonly routes: readonly DecidedRoute[];
  /** One line of `identity`, and the scheme that it comes from. */
  readonly identity?: Decided;
  readonly limit: Decided;
  /** What the folder says and the document does not. */
  readonly undecided: readonly string[];
  /** Requests that are described, for the tests. */
  readonly example?: { readonly method: string; readonly url: string };
}

export interface DecidedRoute {
  readonly name: string;
  readonly path: Decided;
  readonly rewrite?: string;
  readonly isPublic: boolean;
  readonly to: Decided;
}

const ROUTES_MAX = 4;
const PROVIDER = "clients";

export function decide(found: Found): Decision {
  const name = nameOf(found.name);
  const undecided: string[] = [];
  const { api, unusable } = found;
  if (unusable !== undefined) undecided.push(`${unusable.file} is not used: ${unusable.why}`);
  const limit = { value: "100/minute", why: "our default" };
  if (api === undefined) return { name, undecided, limit, routes: upstreamRoutes(found.upstreams, undecided) };
  const [upstream, ...others] = found.upstreams;
  if (others.length > 0) undecided.push(`no route leads to ${others.map(({ from }) => from).join(", ")}`);
  const { identity, isPublic, why } = identityOf(api);
  if (why !== undefined) undecided.push(why);
  const base = basePath(api);
  const to = targetOf(upstream);
  const whole = { value: `${base.value}/*`, why: base.why };
  const publicPaths =
    identity === undefined
      ? []
      : [
          ...new Set(
            operationsOf(api.description)
              .filter(isPublic)
              .map(({ template }) => template),
          ),
        ];
  const own = publicPaths.map(
    (template, at): DecidedRoute => ({
      name: `public-${at + 1}`,
      path: { value: base.value + template, why: `${api.file} asks for no credentials` },
      isPublic: true,
      to,
    }),
  );
  return {
    name,
    contract: { file: api.file, operations: api.operations },
    routes: [...own, { name: "api", path: whole, isPublic: identity === undefined, to }],
    limit: { ...limit, why: `our default: ${api.file} has none` },
    undecided,
    ...(identity !== undefined && { identity }),
    ...exampleOf(api, base.value, isPublic, identity !== undefined),
  };
}

function nameOf(folder: string): string {
  const name = folder.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[^A-Za-z]+|-+$/g, "");
  return name === "" || name in Object.prototype ? "gateway" : name.slice(0, 63);
}

function targetOf(upstream: FoundUpstream | undefined): Decided {
  if (upstream === undefined)
    return { value: "http://127.0.0.1:3000", why: "nothing was found: where your service listens" };
  return { value: `http://127.0.0.1:${upstream.port}`, why: upstream.from };
}

function upstreamRoutes(upstreams: readonly FoundUpstream[], undecided: string[]): DecidedRoute[] {
  const [first, ...others] = upstreams;
  if (others.length === 0) {
    const path = { value: "/*", why: "every path" };
    return [{ name: "all", path, isPublic: true, to: targetOf(first) }];
  }
  const left = upstreams.slice(ROUTES_MAX);
  if (left.length > 0) undecided.push(`no route leads to ${left.map(({ from }) => from).join(", ")}`);
  return upstreams.slice(0, ROUTES_MAX).map((upstream) => {
    const name = nameOf(upstream.name);
    const path = { value: `/${name}/*`, why: "/* for the upstream, see rewrite" };
    return { name, path, rewrite: "/*", isPublic: true, to: targetOf(upstream) };
  });
}

function basePath({ file, description }: FoundDescription): Decided {
  const url = description.root.get("servers").items[0]?.get("url").text ?? "";
  const path = (/^(?:[a-z]+:\/\/[^/]+)?(\/[^\s{}]*)?$/i.exec(url)?.[1] ?? "").replace(/\/+$/, "");
  return { value: path, why: path === "" ? "every path" : `servers[0] of ${file}` };
}

interface Identity {
  readonly identity?: Decided;
  readonly isPublic: (operation: FoundOperation) => boolean;
  /** Why there is none though the description has one. */
  readonly why?: string;
}

/** The security of most operations; those without any are public. */
function identityOf({ file, description }: FoundDescription): Identity {
  const root = description.root.get("security");
  const securityOf = ({ place }: FoundOperation) => (place.get("security").exists ? place.get("security") : root);
  const isPublic = (operation: FoundOperation): boolean => {
    const all = securityOf(operation).items;
    return all.length === 0 || all.some((one) => one.memberEntries.length === 0);
  };
  const operations = operationsOf(description);
  const secured = operations.find((operation) => !isPublic(operation));
  const scheme = secured && securityOf(secured).items[0]?.memberEntries[0]?.[0];
  if (scheme === undefined) return { isPublic };
  const publicPaths = new Set(operations.filter(isPublic).map(({ template }) => template));
  const mixed = operations.find((operation) => publicPaths.has(operation.template) && !isPublic(operation));
  const tooMany = publicPaths.size > ROUTES_MAX ? `${publicPaths.size} paths are public` : undefined;
  const ofPath = mixed && `${mixed.template} is public for some methods only`;
  const odd = [...publicPaths].find((path) => !/^(?:\/(?:[\w.~-]+|\{[A-Za-z]\w*\}))*\/?$/.test(path));
  const reason = tooMany ?? ofPath ?? (odd && `of the public path ${odd} no route can be made by itself`);
  if (reason !== undefined)
    return { isPublic, why: `no credentials are asked for, though ${file} has ${scheme}: ${reason}` };
  const provider = providerOf(scheme, description);
  if (provider !== undefined)
    return { isPublic, identity: { value: `${PROVIDER}: ${provider}`, why: `${file}: ${scheme}` } };
  return { isPublic, why: `no credentials are asked for: of ${scheme} in ${file} it is not known who issues them` };
}

function providerOf(scheme: string, description: FoundDescription["description"]): string | undefined {
  const place = description.follow(description.root.get("components").get("securitySchemes").get(scheme));
  const [type, where, name = ""] = ["type", "in", "name"].map((key) => place?.get(key).text);
  if (type === "apiKey" && where === "header" && /^[\w-]+$/.test(name))
    return name.toLowerCase() === "authorization"
      ? "{ apiKey: { bearer: true } }"
      : `{ apiKey: { header: ${name.toLowerCase()} } }`;
  if (type === "apiKey" && where === "query" && /^[\w.~-]{1,64}$/.test(name)) return `{ apiKey: { query: ${name} } }`;
  return undefined;
}

function exampleOf(
  { description }: FoundDescription,
  base: string,
  isPublic: Identity["isPublic"],
  hasIdentity: boolean,
): Pick<Decision, "example"> {
  const fitting = operationsOf(description).filter((operation) => !hasIdentity || !isPublic(operation));
  const example = exampleRequest(fitting, description, base);
  return example === undefined ? {} : { example };
}
