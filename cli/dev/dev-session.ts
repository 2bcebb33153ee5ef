/** Keeps what is live the same as the files of a document, as long as those are right. */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Document } from "../../shared/config/schema.ts";
import { dev } from "../../shared/limits/dev.ts";
import { findChanges, type Version } from "../../shared/plan/changes/find-changes.ts";
import { compile } from "../../shared/plan/compile.ts";
import type { ApplyAnswer } from "../../shared/wire/admin.ts";
import { sendArtifacts } from "../artifacts/send-artifacts.ts";
import { changesText } from "../changes-text.ts";
import { CliError } from "../cli-error.ts";
import { type CodeSource, codeSource } from "../code/check-code.ts";
import type { ControlClient } from "../control-client.ts";
import { author } from "../options.ts";
import { style } from "../output.ts";
import { countProblems, type ReadDocument, readDocument, sayProblems } from "../read-document.ts";
import { type CodeState, codeState, contentOf, type Sources, watchedFiles } from "./dev-sources.ts";
import { type LocalVariables, readLocalVariables, useVariables } from "./local-variables.ts";
import { type LiveDocument, timeOf } from "./request-line.ts";

export interface SessionMeans {
  /** Path of the document as it was given. */
  readonly name: string;
  readonly control: ControlClient;
  readonly say: (line: string) => void;
  /** Ids of the connections that clients have. */
  readonly connections: () => ReadonlySet<string>;
  /** Starts the gateway anew, with this code and the environment's secrets. */
  readonly renewGateway: (code: CodeSource) => Promise<void>;
  /** What the gateway was started with. */
  readonly started: {
    readonly code: CodeSource;
    readonly variables: LocalVariables | undefined;
    /** What they gave the environment. */
    readonly given: ReadonlyMap<string, string>;
  };
}

export class DevSession {
  readonly #means: SessionMeans;
  readonly #file: string;
  #sources: Sources;
  #content: string | undefined;
  #code: CodeState | undefined;
  #variables: LocalVariables | undefined;
  #given: ReadonlyMap<string, string>;
  #version: Version = {};
  /** Number of the version that is live; 0: none of this session. */
  #number = 0;
  #isGone = false;
  /** Than the gateway was started with. */
  #hasOtherVariables = false;
  live: LiveDocument | undefined;

  constructor(means: SessionMeans) {
    this.#means = means;
    this.#file = path.resolve(means.name);
    this.#sources = { file: this.#file, beside: [] };
    const { code, variables, given } = means.started;
    this.#code = codeState(code);
    this.#variables = variables;
    this.#given = given;
  }

  /** Reads the files when they say something else than the last time. @returns whether they did */
  async refresh(): Promise<boolean> {
    const startMs = performance.now();
    if (!(await this.#isThere())) return false;
    const content = contentOf(this.#sources);
    if (content === this.#content) return false;
    this.#content = content;
    this.#readVariables();
    try {
      await this.#take(await readDocument(this.#means.name, process.env), startMs);
    } catch (fault) {
      // What failed for now, such as a control plane that is away, is tried again with the next change of any file.
      this.#content = undefined;
      if (!(fault instanceof CliError)) throw fault;
      this.#kept(fault.message);
    }
    return true;
  }

  /** Files whose change it has to be told of, absolute. */
  get files(): string[] {
    return watchedFiles(this.#sources);
  }

  #readVariables(): void {
    const before = JSON.stringify(this.#variables?.values);
    this.#variables = readLocalVariables(path.dirname(this.#file));
    this.#given = useVariables(this.#variables?.values ?? {}, process.env, this.#given);
    this.#hasOtherVariables ||= JSON.stringify(this.#variables?.values) !== before;
  }

  async #isThere(): Promise<boolean> {
    const isRead = (): boolean => contentOf(this.#sources) !== undefined;
    if (!isRead()) await delay(dev.goneMs);
    const isThere = isRead();
    if (!isThere && !this.#isGone)
      this.#kept(`${this.#means.name}, or a file that it includes, is not there or cannot be read`);
    this.#isGone = !isThere;
    return isThere;
  }

  async #take(read: ReadDocument, startMs: number): Promise<void> {
    const { document, file, artifacts, positions } = read;
    if (document === undefined) {
      const found = countProblems(read);
      this.#kept(`${file}: ${found}`);
      return sayProblems(read);
    }
    sayProblems(read);
    const code = codeSource(document, this.#means.name);
    const state = codeState(code);
    const folder = path.dirname(this.#file);
    const beside = read.beside.map((one) => path.join(folder, one));
    this.#sources = { file: this.#file, beside: [...beside, ...(state?.files ?? this.#code?.files ?? [])] };
    this.#content = contentOf(this.#sources);
    const before = this.#means.connections();
    const isFirst = this.#number === 0;
    const isOtherCode = state !== undefined && state.digest !== (this.#code?.digest ?? "");
    const isRestarted = isOtherCode || this.#hasOtherVariables;
    if (isRestarted) await this.#means.renewGateway(code);
    this.#hasOtherVariables = false;
    this.#code = state ?? this.#code;
    const answer = await this.#apply(read, document);
    const plan = compile(document, artifacts.table);
    this.live = { document, plan, positions, file };
    const tookMs = performance.now() - startMs;
    const next = { document, artifacts: artifacts.table };
    if (isFirst) this.#means.say(`${style("ok", "ok", process.stderr)} ${file} is live as version ${answer.version}`);
    else this.#sayChanged(file, answer, next, { tookMs, isOtherCode, isRestarted, before });
    this.#number = answer.version;
    this.#version = next;
  }

  async #apply(read: ReadDocument, document: Document): Promise<ApplyAnswer> {
    const { control } = this.#means;
    const { source, file, artifacts } = read;
    await sendArtifacts(control, artifacts);
    const answer = await control.apply({ document, artifacts: artifacts.table, source, file, author: author() });
    // From here on every request is answered by it.
    await delay(dev.gatewayLeaseMs);
    return answer;
  }

  #sayChanged(
    file: string,
    answer: ApplyAnswer,
    next: Version,
    how: { tookMs: number; isOtherCode: boolean; isRestarted: boolean; before: ReadonlySet<string> },
  ): void {
    const { say, connections } = this.#means;
    const changes = findChanges(this.#version, next);
    const now = connections();
    const kept = [...how.before].filter((one) => now.has(one)).length;
    const after = `in ${Math.round(how.tookMs)} ms`;
    const what = answer.changed ? `version ${this.#number} -> ${answer.version} ${after}` : `means the same, ${after}`;
    const restarted = how.isRestarted
      ? `, gateway started anew: ${how.isOtherCode ? "its code" : "its variables"} changed`
      : "";
    const held = kept > 0 ? `, ${kept} ${kept === 1 ? "connection" : "connections"} kept` : "";
    say(`${timeOf(new Date())} ${style("warn", "~", process.stderr)} ${file}  ${what}${restarted}${held}`);
    if (changes.length > 0) say(indent(changesText(changes, process.stderr)));
  }

  #kept(why: string): void {
    const { say } = this.#means;
    const goesOn = this.#number === 0 ? "nothing of it is live yet" : `version ${this.#number} goes on`;
    say(`${timeOf(new Date())} ${style("bad", "x", process.stderr)} ${why}; ${goesOn}: put it right and save`);
  }
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, "         ");
