/** Routes of included files take their place after those of the document: whose each one is, and where it stands. */
import { fitsGlob, type TextFile } from "./document-files.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import type { QuarantinedRoute } from "./quarantine.ts";
import { type Position, ReadFile } from "./read-file.ts";
import { includeForm, ownedFile } from "./schema-owners.ts";
import { quote, schemaProblems } from "./schema-problems.ts";

interface Included {
  readonly file: ReadFile;
  readonly owner: unknown;
  readonly routes: readonly unknown[];
  /** Index of its first route among all. */
  readonly first: number;
  /** Of the file itself, with their places; with an error none of its routes is taken. */
  readonly problems: readonly DocumentProblem[];
}

export class MergedFiles {
  /** The document with all routes, without `include`. */
  readonly value: unknown;
  /** Of the included files themselves, with their places. */
  readonly problems: readonly DocumentProblem[];
  /** Files that cannot be read as files of an owner: none of their routes is there. */
  readonly leftOut: readonly QuarantinedRoute[];
  readonly #main: ReadFile;
  readonly #included: readonly Included[];

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
    this.value = this.#merge(own);
    this.problems = [...this.#includeProblems(), ...this.#included.flatMap(({ problems }) => problems)];
    this.leftOut = this.#included.flatMap(({ file, problems }) => {
      const fault = problems.find(isError);
      const reason = `${file.name}: ${fault?.code}: ${fault?.message}`;
      return fault === undefined ? [] : [{ owner: String(membersOf(file.value).owner), reason, answered: false }];
    });
  }

  /** Where a path of the merged document stands. */
  find(path: Path, at?: "key" | "value"): Position {
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

  #merge(own: unknown): unknown {
    const { include: _, ...members } = membersOf(this.#main.value);
    if (this.#included.length === 0)
      return Object.hasOwn(membersOf(this.#main.value), "include") ? members : this.#main.value;
    const added = this.#included.flatMap(({ owner, routes }) =>
      routes.map((route) => (isMapping(route) ? { ...route, owner } : route)),
    );
    const routes = Array.isArray(own) || own === undefined ? [...(own ?? []), ...added] : own;
    return { ...members, gateway: { ...membersOf(members.gateway), routes } };
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
  const { owner, routes } = problems.some(isError) ? {} : membersOf(file.value);
  return { file, owner, routes: Array.isArray(routes) ? routes : [], first, problems };
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
