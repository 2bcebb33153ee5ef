/** What included files have takes its place in the document: routes, services and upstreams, whose each one is, and where it stands. */
import { fitsGlob, type TextFile } from "./document-files.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import type { QuarantinedRoute } from "./quarantine.ts";
import { type Position, ReadFile } from "./read-file.ts";
import { includeForm, ownedFile } from "./schema-owners.ts";
import { quote, schemaProblems } from "./schema-problems.ts";

type Named = Readonly<Record<string, unknown>>;

/** Where things that have a name stand in the document. */
const PLACES = { services: ["mesh", "services"], upstreams: ["gateway", "upstreams"] } as const;
type Kind = keyof typeof PLACES;
const KINDS = ["services", "upstreams"] as const;

interface Included {
  readonly file: ReadFile;
  readonly owner: unknown;
  readonly routes: readonly unknown[];
  readonly services: Named;
  readonly upstreams: Named;
  /** Index of its first route among all. */
  readonly first: number;
  /** Whether it has services or upstreams, as far as can be told. */
  readonly hasNamed: boolean;
  /** Of the file itself, with their places; with an error nothing of it is taken. */
  readonly problems: readonly DocumentProblem[];
}

export class MergedFiles {
  /** The document with what all files have, without `include`. */
  readonly value: unknown;
  /** Of the included files themselves, with their places. */
  readonly problems: readonly DocumentProblem[];
  /** Files that cannot be read as files of an owner: none of their routes is there. */
  readonly leftOut: readonly QuarantinedRoute[];
  /**
   * False: a file that cannot be read, or takes a name that is taken, has services or upstreams. They may be at work, and without it
   * they would be gone.
   */
  readonly canLeaveOut: boolean;
  readonly #main: ReadFile;
  readonly #included: readonly Included[];
  /** By kind and name; what the document itself has is not there. */
  readonly #named = new Map<string, Included>();

  /** @param included in the order in which their routes count */
  constructor(main: ReadFile, included: readonly TextFile[]) {
    this.#main = main;
    const own = membersOf(membersOf(main.value).gateway).routes;
    let first = Array.isArray(own) ? own.length : 0;
    this.#included = included.map(({ name, text }) => {
      const one = readIncluded(name, text, first);
      first += one.routes.length;
      return one;
    });
    const taken = KINDS.flatMap((kind) => this.#name(kind));
    this.value = this.#merge(own);
    this.problems = [...this.#includeProblems(), ...this.#included.flatMap(({ problems }) => problems), ...taken];
    this.canLeaveOut = taken.length === 0 && !this.#included.some((one) => one.problems.some(isError) && one.hasNamed);
    this.leftOut = this.#included.flatMap(({ file, problems }) => {
      const fault = problems.find(isError);
      const reason = `${file.name}: ${fault?.code}: ${fault?.message}`;
      return fault === undefined ? [] : [{ owner: String(membersOf(file.value).owner), reason, answered: false }];
    });
  }

  /** Where a path of the merged document stands. */
  find(path: Path, at?: "key" | "value"): Position {
    const named = this.#namedAt(path);
    if (named !== undefined) {
      const { file, kind } = named;
      return file.find(path[3] === "owner" ? ["owner"] : [kind, ...path.slice(2)], at);
    }
    const [gateway, routes, index] = path;
    const isRoute = gateway === "gateway" && routes === "routes" && typeof index === "number";
    const owned = isRoute ? this.#fileOf(index) : undefined;
    if (owned === undefined) return this.#main.find(path, at);
    if (path[3] === "owner") return owned.file.find(["owner"], at);
    return owned.file.find(["routes", (index as number) - owned.first, ...path.slice(3)], at);
  }

  /** Whether a route, by its index among all, stands in an included file. */
  isIncluded(index: number): boolean {
    return this.#fileOf(index) !== undefined;
  }

  #fileOf(index: number): Included | undefined {
    return this.#included.find(({ first, routes }) => index >= first && index < first + routes.length);
  }

  #namedAt([top, list, name]: Path): { readonly file: ReadFile; readonly kind: Kind } | undefined {
    const kind = KINDS.find((one) => PLACES[one][0] === top && PLACES[one][1] === list);
    const found = kind === undefined ? undefined : this.#named.get(keyOf(kind, String(name)));
    return kind === undefined || found === undefined ? undefined : { file: found.file, kind };
  }

  /** Gives each name to the first who has it. @returns problems of the others, with their places */
  #name(kind: Kind): DocumentProblem[] {
    const [top, list] = PLACES[kind];
    const own = membersOf(membersOf(membersOf(this.#main.value)[top])[list]);
    return this.#included.flatMap((included) =>
      Object.keys(included[kind]).flatMap((name) => {
        const key = keyOf(kind, name);
        const first = this.#named.get(key);
        if (first === undefined && !Object.hasOwn(own, name)) {
          this.#named.set(key, included);
          return [];
        }
        const { file = "the document", line } = this.find([top, list, name], "key");
        const message = `${quote(name)} is there already: it stands at line ${line} of ${file}`;
        return [
          { ...error("SLV3006", [kind, name], message, { at: "key" }), ...included.file.find([kind, name], "key") },
        ];
      }),
    );
  }

  #merge(own: unknown): unknown {
    const { include: _, ...members } = membersOf(this.#main.value);
    if (this.#included.length === 0)
      return Object.hasOwn(membersOf(this.#main.value), "include") ? members : this.#main.value;
    const added = this.#included.flatMap(({ owner, routes }) =>
      routes.map((route) => (isMapping(route) ? { ...route, owner } : route)),
    );
    const routes = Array.isArray(own) || own === undefined ? [...(own ?? []), ...added] : own;
    const gateway = this.#withNamed("upstreams", { ...membersOf(members.gateway), routes });
    const hasGateway = members.gateway !== undefined || added.length > 0 || Object.hasOwn(gateway, "upstreams");
    const mesh = isMapping(members.mesh) || members.mesh === undefined ? membersOf(members.mesh) : undefined;
    const joined = mesh === undefined ? undefined : this.#withNamed("services", mesh);
    return { ...members, ...(hasGateway && { gateway }), ...(joined !== mesh && { mesh: joined }) };
  }

  /** @param holder of the list, as the document has it */
  #withNamed(kind: Kind, holder: Named): Named {
    const [, list] = PLACES[kind];
    const added = this.#included.flatMap((included) =>
      Object.entries(included[kind])
        .filter(([name]) => this.#named.get(keyOf(kind, name)) === included)
        .map(([name, one]) => [name, isMapping(one) ? { ...one, owner: included.owner } : one] as const),
    );
    const own = holder[list];
    if (added.length === 0 || (own !== undefined && !isMapping(own))) return holder;
    return { ...holder, [list]: { ...own, ...Object.fromEntries(added) } };
  }

  #includeProblems(): DocumentProblem[] {
    const { include } = membersOf(this.#main.value);
    const form = schemaProblems(includeForm, include === undefined ? {} : { include });
    const isThere = (pattern: string): boolean => this.#included.some(({ file }) => fitsGlob(pattern, file.name ?? ""));
    const patterns = form.length > 0 ? [] : ([include ?? []].flat() as string[]);
    const unmatched = patterns
      .filter((pattern) => !isThere(pattern))
      .map((pattern) =>
        error("SLV3082", ["include"], `${quote(pattern)} finds no file below the folder of the document`),
      );
    return [...form, ...unmatched].map((problem) => ({ ...problem, ...this.#main.find(problem.path, problem.at) }));
  }
}

/** @param first index of its first route among all */
function readIncluded(name: string, text: string, first: number): Included {
  const file = new ReadFile(name, text, () => undefined);
  const problems = problemsOf(file);
  const { owner, routes, services, upstreams } = problems.some(isError) ? {} : membersOf(file.value);
  return {
    ...{ file, owner, first, problems, hasNamed: hasNamed(file, text) },
    routes: Array.isArray(routes) ? routes : [],
    ...{ services: membersOf(services), upstreams: membersOf(upstreams) },
  };
}

const keyOf = (kind: Kind, name: string): string => `${kind} ${name}`;

/** Of a file that is not YAML its lines tell. */
function hasNamed(file: ReadFile, text: string): boolean {
  if (readable(file)) return KINDS.some((kind) => Object.hasOwn(membersOf(file.value), kind));
  const isFlow = text.trimStart().startsWith("{");
  return (isFlow ? /["'\s,{](?:services|upstreams)["']?\s*:/ : /^["']?(?:services|upstreams)["']?\s*:/m).test(text);
}

const isError = ({ severity }: DocumentProblem): boolean => severity === "error";

function readable({ complete, syntax }: ReadFile): boolean {
  return complete && syntax.length === 0;
}

function problemsOf(file: ReadFile): DocumentProblem[] {
  const own = [...file.syntax, ...file.problems.map(withoutEnvironment)];
  if (!readable(file)) return own;
  const form = schemaProblems(ownedFile, file.value).map((problem) => ({
    ...problem,
    ...file.find(problem.path, problem.at),
  }));
  return [...own, ...form];
}

/** Whoever writes an included file need not be who runs the program that loads it. */
function withoutEnvironment(problem: DocumentProblem): DocumentProblem {
  if (problem.code !== "SLV4002") return problem;
  return { ...problem, message: `included files see no variables of the environment: ${problem.message}` };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? value : {};
}
