/** Makes the descriptor that gateways get of one beside the document: without what only people and compilers read. */
import { create, createFileRegistry, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type DocumentProblem, error, type Path, warning } from "../../shared/config/problem.ts";
import type { DescriptorConfig } from "../../shared/config/schema-transcode.ts";
import { transcode as transcoding } from "../../shared/limits/transcode.ts";
import { bindingsOf, servicesOf } from "../../shared/transcode/bindings.ts";
import type { Builder } from "./build-artifacts.ts";

export const buildDescriptor: Builder<DescriptorConfig> = ({ file }, readFile, place) => {
  const at = [...place, "file"];
  const read = readSet(readFile(file));
  if (typeof read === "string") return { problems: [error("SLV3165", at, `${file} cannot be used: ${read}`)] };
  const { set, registry } = read;
  if (servicesOf(registry).length === 0) return { problems: [error("SLV3165", at, `${file} has no service`)] };
  const bytes = toBinary(FileDescriptorSetSchema, stripped(set));
  const { descriptorBytesMax } = transcoding;
  if (bytes.byteLength > descriptorBytesMax) {
    const message = `${file} has ${bytes.byteLength} bytes without comments; a descriptor has at most ${descriptorBytesMax}`;
    return { problems: [error("SLV3165", at, message)] };
  }
  const problems = ruleProblems(registry, file, at);
  return problems.some(({ severity }) => severity === "error") ? { problems } : { bytes, problems };
};

interface ReadSet {
  readonly set: FileDescriptorSet;
  readonly registry: FileRegistry;
}

function readSet(bytes: Uint8Array): ReadSet | string {
  let set: FileDescriptorSet;
  try {
    set = fromBinary(FileDescriptorSetSchema, bytes);
  } catch {
    return "it is no google.protobuf.FileDescriptorSet in binary form, as `buf build -o` and `protoc --descriptor_set_out` write it";
  }
  if (set.file.length === 0) return "it describes no file";
  const names = new Set(set.file.map(({ name }) => name));
  for (const one of set.file) {
    const missing = one.dependency.find((name) => !names.has(name));
    if (missing !== undefined) return `${missing}, which ${one.name} imports, is not in it (protoc: --include_imports)`;
  }
  try {
    return { set, registry: createFileRegistry(set) };
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** What every route that names the descriptor would meet. */
function ruleProblems(registry: FileRegistry, file: string, at: Path): DocumentProblem[] {
  return bindingsOf(registry, {}).faults.map(({ method, kind, reason }) =>
    kind === "rule"
      ? error("SLV3167", at, `${file}: ${method}: ${reason}`)
      : warning("SLV3168", at, `${file}: ${method} cannot be called: ${reason}`),
  );
}

/** Files that say what options there are are for compilers: rules are read without them. */
function stripped(set: FileDescriptorSet): FileDescriptorSet {
  const files = set.file.map((one) => withoutSource(one));
  const needed = neededFiles(files);
  const kept = files.filter(({ name }) => needed.has(name)).map((one) => withImports(one, needed));
  const made = create(FileDescriptorSetSchema, { file: kept });
  try {
    createFileRegistry(made);
    return made;
  } catch {
    // A descriptor that cannot do without them stays whole.
    return create(FileDescriptorSetSchema, { file: files });
  }
}

function withoutSource({ sourceCodeInfo: _, ...file }: FileDescriptorProto): FileDescriptorProto {
  return file;
}

/** All but those with options, and those that only such files import. */
function neededFiles(files: readonly FileDescriptorProto[]): ReadonlySet<string> {
  const types = new Map(files.flatMap((file) => typeNames(file).map((name) => [name, file.name] as const)));
  const used = new Set(files.flatMap((file) => [...typesUsed(file)].filter((type) => types.get(type) !== file.name)));
  const usedFiles = new Set([...used].map((type) => types.get(type)));
  const isOptional = (file: FileDescriptorProto): boolean => !usedFiles.has(file.name) && isOfOptions(file);
  return new Set(files.filter((file) => !isOptional(file)).map(({ name }) => name));
}

const OPTIONS = /^\.google\.protobuf\.\w+Options$/;

function isOfOptions({ name, package: of, extension, service }: FileDescriptorProto): boolean {
  if (service.length > 0) return false;
  return (
    name === "google/protobuf/descriptor.proto" ||
    extension.some(({ extendee }) => OPTIONS.test(extendee)) ||
    (of === "google.api" && name === "google/api/http.proto")
  );
}

interface Declared {
  readonly name: string;
  readonly field: readonly { readonly typeName: string }[];
  readonly nestedType: readonly Declared[];
  readonly enumType: readonly { readonly name: string }[];
}

function typeNames({ package: of, messageType, enumType }: FileDescriptorProto): string[] {
  const within = (prefix: string, { name, nestedType, enumType: enums }: Declared): string[] => {
    const own = `${prefix}.${name}`;
    return [own, ...nestedType.flatMap((one) => within(own, one)), ...enums.map((one) => `${own}.${one.name}`)];
  };
  const prefix = of === "" ? "" : `.${of}`;
  return [...messageType.flatMap((one) => within(prefix, one)), ...enumType.map((one) => `${prefix}.${one.name}`)];
}

/** Types of fields and methods; those of extensions are of options. */
function typesUsed({ messageType, service }: FileDescriptorProto): Set<string> {
  const of = ({ field, nestedType }: Declared): string[] => [
    ...field.map(({ typeName }) => typeName),
    ...nestedType.flatMap(of),
  ];
  const called = service.flatMap(({ method }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  );
  return new Set([...messageType.flatMap(of), ...called]);
}

/** A file with those of its imports that are still there. */
function withImports(file: FileDescriptorProto, kept: ReadonlySet<string>): FileDescriptorProto {
  const dependency = file.dependency.filter((name) => kept.has(name));
  const again = file.publicDependency.flatMap((at) => {
    const moved = dependency.indexOf(file.dependency[at] ?? "");
    return moved < 0 ? [] : [moved];
  });
  return { ...file, dependency, publicDependency: again, weakDependency: [] };
}
