/** What a document needs beside its plan, made from the files beside the document. */
import { createHash } from "node:crypto";
import type { DocumentProblem, Path } from "../../shared/config/problem.ts";
import { error } from "../../shared/config/problem.ts";
import type { Document } from "../../shared/config/schema.ts";
import { limits } from "../../shared/limits.ts";
import { FileFault } from "./document-folder.ts";

export type ReadFile = (name: string) => Uint8Array;

export interface Built {
  /** Absent where a problem is an error. */
  readonly bytes?: Uint8Array;
  /** `file` as the document names it where the problem stands in a file; else `path` in the document. */
  readonly problems: readonly DocumentProblem[];
  /** Files that problems stand in, for those who show them. */
  readonly texts?: ReadonlyMap<string, string>;
}

/** Makes one artifact; a FileFault that it lets pass becomes a problem at its place. @param place of its settings in the document, for problems that stand there */
export type Builder<Settings> = (settings: Settings, readFile: ReadFile, place: Path) => Built | Promise<Built>;

/** The builders, by the key of `gateway` whose members each is made of. */
export type Builders = { readonly [Key in keyof NonNullable<Document["gateway"]>]?: Builder<never> };

export interface Artifacts {
  /** Digests by what they are in the document: `contracts.github`. */
  readonly table: Readonly<Record<string, string>>;
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  readonly problems: readonly DocumentProblem[];
  readonly texts: ReadonlyMap<string, string>;
}

export const noArtifacts: Artifacts = { table: {}, bytes: new Map(), problems: [], texts: new Map() };

/** Everything that a document names is made, also when another one of it cannot be. */
export async function buildArtifacts(document: Document, readFile: ReadFile, builders: Builders): Promise<Artifacts> {
  const table: Record<string, string> = {};
  const bytes = new Map<string, Uint8Array>();
  const problems: DocumentProblem[] = [];
  const texts = new Map<string, string>();
  for (const [kind, build] of Object.entries(builders))
    for (const [name, settings] of Object.entries(membersOf(document, kind))) {
      const place = ["gateway", kind, name];
      const built = await buildOne(build, settings as never, readFile, place);
      problems.push(...built.problems, ...tooLarge(built, place));
      for (const [file, text] of built.texts ?? []) texts.set(file, text);
      if (built.bytes === undefined) continue;
      const digest = createHash("sha256").update(built.bytes).digest("base64url");
      table[`${kind}.${name}`] = digest;
      bytes.set(digest, built.bytes);
    }
  return { table, bytes, problems: [...problems, ...tooMany(Object.keys(table).length)], texts };
}

async function buildOne(build: Builder<never>, settings: never, readFile: ReadFile, place: Path): Promise<Built> {
  try {
    return await build(settings, readFile, place);
  } catch (fault) {
    if (!(fault instanceof FileFault)) throw fault;
    return { problems: [error("SLV3135", place, fault.message)] };
  }
}

function membersOf({ gateway }: Document, kind: string): Readonly<Record<string, unknown>> {
  return ((gateway as Readonly<Record<string, unknown>> | undefined)?.[kind] ?? {}) as Record<string, unknown>;
}

function tooMany(count: number): DocumentProblem[] {
  const { perDocumentMax } = limits.artifacts;
  if (count <= perDocumentMax) return [];
  const message = `it has ${count} contracts and descriptors together; a document has at most ${perDocumentMax} of what is compiled from files`;
  return [error("SLV1003", ["gateway"], message)];
}

function tooLarge({ bytes }: Built, place: Path): DocumentProblem[] {
  const { bytesMax } = limits.artifacts;
  if (bytes === undefined || bytes.byteLength <= bytesMax) return [];
  return [
    error("SLV1003", place, `it is ${bytes.byteLength} bytes when it is compiled; at most ${bytesMax} can be sent`),
  ];
}
