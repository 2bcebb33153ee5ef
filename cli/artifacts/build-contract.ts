/** Makes a contract of an API description beside the document, with its overlays and the files that it refers to. */
import { Description, type OpenFile } from "../../shared/config/openapi/description.ts";
import { linkedFiles } from "../../shared/config/openapi/linked-files.ts";
import { Origins } from "../../shared/config/openapi/origins.ts";
import { applyOverlay } from "../../shared/config/openapi/overlay.ts";
import { type ReadDescription, readOpenapi } from "../../shared/config/openapi/read-openapi.ts";
import { readSourceFile, type SourceFile } from "../../shared/config/openapi/source-file.ts";
import { SpecPlace } from "../../shared/config/openapi/spec-place.ts";
import { type DocumentProblem, error, type Path } from "../../shared/config/problem.ts";
import type { ContractConfig } from "../../shared/config/schema-contracts.ts";
import type { Contract } from "../../shared/contract/contract.ts";
import { parsePointer, pointerOf } from "../../shared/http/json-pointer.ts";
import { limits } from "../../shared/limits.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import { compileSchemas } from "../contract/compile-schemas.ts";
import type { SchemaProblem } from "../contract/schema-problem.ts";
import type { Built, ReadFile } from "./build-artifacts.ts";
import { FileFault } from "./document-folder.ts";

/** @param place of the settings in the document */
export function buildContract(settings: ContractConfig, readFile: ReadFile, place: Path): Built {
  const { contract, problems, texts } = readContract(settings, readFile, place);
  if (contract === undefined || problems.some(isError)) return { problems, texts };
  return { bytes: new TextEncoder().encode(canonicalJson(contract)), problems, texts };
}

export interface ReadContract {
  /** Absent: there is no description that can be read. With problems that are errors it is not whole. */
  readonly contract?: Contract;
  readonly problems: readonly DocumentProblem[];
  /** Of the files that problems stand in. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param place of the settings in the document */
export function readContract(settings: ContractConfig, readFile: ReadFile, place: Path): ReadContract {
  const files = new OpenFiles(readFile);
  const { description, problems } = describeFiles(settings, files, place);
  if (description === undefined) return outcome(undefined, [...problems, ...files.problems], files);
  const read = readOpenapi(description);
  const contract = read && withSchemas(read, description);
  return outcome(contract, [...problems, ...description.problems, ...files.problems], files);
}

/** The description with its overlays as it was written, examples and all; undefined: it cannot be read. */
export function openDescription(settings: ContractConfig, readFile: ReadFile): Description | undefined {
  return describeFiles(settings, new OpenFiles(readFile), []).description;
}

function describeFiles(
  settings: ContractConfig,
  files: OpenFiles,
  place: Path,
): { description?: Description; problems: DocumentProblem[] } {
  const problems: DocumentProblem[] = [];
  const open = (name: string, at: Path): SourceFile | undefined => {
    const file = files.open(name);
    if (typeof file !== "string") return file;
    problems.push(error("SLV3135", at, file));
    return undefined;
  };
  const base = open(settings.openapi, [...place, "openapi"]);
  const overlays = (settings.overlays ?? []).map((name, at) => open(name, [...place, "overlays", at]));
  if (base?.value === undefined) return { problems };
  const origins = new Origins(base);
  let root: unknown = base.value;
  for (const overlay of overlays) {
    if (overlay?.value === undefined) continue;
    const applied = applyOverlay(root, overlay, origins);
    root = applied.root;
    problems.push(...applied.problems);
  }
  const isChanged = root !== base.value;
  const find: SourceFile["find"] = (path, at) => (isChanged ? origins.find(root, path, at) : base.find(path, at));
  return { description: new Description({ file: settings.openapi, value: root, find }, files.open), problems };
}

function outcome(contract: Contract | undefined, found: readonly DocumentProblem[], files: OpenFiles): ReadContract {
  const { problemsMax } = limits.openapi;
  // Errors first where there is no room for all: warnings can be fixed later.
  const ordered =
    found.length <= problemsMax ? found : [...found.filter(isError), ...found.filter((one) => !isError(one))];
  const shown = ordered.slice(0, problemsMax);
  const texts = new Map(shown.flatMap(({ file }) => (file === undefined ? [] : [[file, files.text(file)] as const])));
  const rest = found.length - shown.length;
  const last = shown.at(-1);
  const more =
    rest > 0 && last !== undefined
      ? [{ ...last, code: "SLV1003" as const, message: `${rest} more problems are not shown` }]
      : [];
  return { ...(contract !== undefined && { contract }), problems: [...shown, ...more], texts };
}

const isError = ({ severity }: DocumentProblem): boolean => severity === "error";

/** The names of the roots are places too, so that what is found wrong with a value says by which part of the description. */
function withSchemas({ contract, roots, dialect }: ReadDescription, description: Description): Contract | undefined {
  const linked = linkedFiles(description);
  if (linked === undefined) return undefined;
  const uriOf = (file: string): string => encodeURI(file).replace(/[?#]/g, encodeURIComponent);
  const names = new Map([...linked.keys()].map((name) => [uriOf(name), name]));
  const documents = Object.fromEntries([...linked].map(([name, value]) => [uriOf(name), value]));
  const references = [...roots].map(([name, { file, path }]) => [
    name,
    `${uriOf(file)}#${encodeURIComponent(pointerOf(path))}`,
  ]);
  const compiled = compileSchemas({ documents, roots: Object.fromEntries(references), dialect });
  for (const problem of compiled.problems)
    tell(problem, names.get(problem.document) ?? description.root.file, linked, description);
  return { ...contract, schemas: compiled.schemas, ...(compiled.patterns && { patterns: true }) };
}

function tell(
  { kind, pointer, reason, advice }: SchemaProblem,
  file: string,
  linked: ReadonlyMap<string, unknown>,
  description: Description,
): void {
  const path = parsePointer(pointer) ?? [];
  let place = new SpecPlace(file, linked.get(file));
  for (const step of path) place = place.get(Array.isArray(place.value) ? Number(step) : step);
  const details = advice === undefined ? {} : { expected: advice };
  if (kind === "pattern") {
    description.warn("SLV3148", place, `${reason}; values are not held to it`, details);
    return;
  }
  const ref = path.at(-1) === "$ref" ? place : place.get("$ref");
  const unread = ref.text === undefined ? undefined : description.resolve(ref);
  if (typeof unread === "string") description.error("SLV3142", ref, unread);
  else description.error("SLV3148", place, reason, details);
}

/** Each file of a contract, once. */
class OpenFiles {
  readonly #readFile: ReadFile;
  readonly #files = new Map<string, SourceFile | string>();
  readonly #texts = new Map<string, string>();

  constructor(readFile: ReadFile) {
    this.#readFile = readFile;
  }

  readonly open: OpenFile = (name) => {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const file = this.#read(name);
    this.#files.set(name, file);
    return file;
  };

  /** Of files that are no text in the form of JSON or YAML. */
  get problems(): DocumentProblem[] {
    return [...this.#files.values()].flatMap((file) => (typeof file === "string" ? [] : file.problems));
  }

  text(name: string): string {
    return this.#texts.get(name) ?? "";
  }

  #read(name: string): SourceFile | string {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(this.#readFile(name));
      this.#texts.set(name, text);
      return readSourceFile(name, text);
    } catch (fault) {
      if (fault instanceof FileFault) return fault.message;
      if (fault instanceof TypeError) return `${name} is not UTF-8 text`;
      throw fault;
    }
  }
}
