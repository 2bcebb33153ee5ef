/** Holds requests and answers to the contracts of their routes. Loaded by the first route that has one. */
import type { Finding } from "../../../shared/contract/finding.ts";
import { looksIntoWhole } from "../../../shared/contract/judge-answer.ts";
import { findOperation, type OperationSearch, pathBehind } from "../../../shared/contract/operation-index.ts";
import { parseContract, type ReadyContract, readyContract } from "../../../shared/contract/ready-contract.ts";
import { type RouteValidation, type ValidationMode, weakerMode } from "../../../shared/contract/route-validation.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import { Artifacts } from "../authority/artifacts.ts";
import type { Soon } from "../cache/cache-store.ts";
import { askForReadable, askForWhole } from "./ask-for-readable.ts";
import type { Context } from "./context.ts";
import { DriftCounts } from "./drift-counts.ts";
import type { GatewayEnv } from "./exchange.ts";
import { upstreamPath } from "./forward-request.ts";
import { ShadowReading } from "./shadow-reading.ts";
import { judgeShadowAnswer, judgeWholeAnswer, shadowAnswer } from "./validate-answer.ts";
import {
  type Asked,
  judgeRequestBody,
  judgeRequestHead,
  judgeShadowRequest,
  type Refusal,
  refusalOf,
  shadowBody,
} from "./validate-request.ts";
import { sleep } from "./wait.ts";
import { notePassed, noteWouldRefuse, workBeside } from "./would-refuse.ts";

type Exchange = Context<GatewayEnv>;

/** What is left to do with a request whose answer has begun. */
type Later = () => Promise<void>;

export class Validator {
  readonly #contracts = new Artifacts<ReadyContract>(readContract);
  readonly #held: HeldBytes;
  readonly #reading: ShadowReading;
  readonly #counts: DriftCounts;
  readonly #counters: CounterState;

  /** @param held what the isolate holds of bodies */
  constructor(held: HeldBytes, counters: CounterState) {
    this.#counters = counters;
    this.#held = held;
    this.#reading = new ShadowReading(held);
    this.#counts = new DriftCounts(counters);
  }

  /**
   * @throws SelvageError request_invalid, operation_unknown, method_not_allowed, media_type_unsupported, body_too_large,
   *   contract_unavailable, and what reading the body throws
   */
  enter(c: Exchange, settings: RouteValidation): Soon<undefined> {
    const contract = this.#contracts.take(settings.contract, c.env, c.executionCtx, Date.now());
    if (!(contract instanceof Promise)) return this.#hold(c, settings, contract);
    if (isEnforced(settings)) return contract.then((found) => this.#hold(c, settings, found));
    // Who is in shadow waits for nothing.
    return this.#hold(c, settings, undefined);
  }

  #hold(c: Exchange, settings: RouteValidation, contract: ReadyContract | undefined): Soon<undefined> {
    if (contract === undefined) return this.#missing(c, settings);
    const path = pathBehind(settings.basePath ?? contract.contract.basePath, pathOf(c, settings));
    const search = path === undefined ? NO_PATH : findOperation(contract.operations, c.get("method"), path);
    if (search.kind !== "found") return this.#unknown(c, settings, contract, search);
    const asked: Asked = { c, settings, contract, operation: search.operation, path: search.path };
    const { modes } = search.operation;
    const requests = weakerMode(settings.requests, modes?.requests);
    const responses = weakerMode(settings.responses, modes?.responses);
    const later = requests === "shadow" ? this.#watch(asked) : undefined;
    if (responses === "enforce") (looksIntoWhole(search.operation) ? askForWhole : askForReadable)(c);
    if (later !== undefined || responses !== "off")
      c.set("validated", { leave: () => this.#leave(asked, later, responses) });
    return requests === "enforce" ? this.#enforce(asked) : undefined;
  }

  #missing(c: Exchange, settings: RouteValidation): undefined {
    const { name } = c.get("route");
    if (settings.requests !== "off") this.#counts.verdict(name, "request", "unavailable");
    if (settings.responses !== "off") this.#counts.verdict(name, "response", "unavailable");
    if (!isEnforced(settings)) return undefined;
    c.header("retry-after", "1");
    throw new SelvageError("contract_unavailable", `the contract ${settings.name} of the route ${name} cannot be had`);
  }

  #unknown(
    c: Exchange,
    settings: RouteValidation,
    contract: ReadyContract,
    search: Exclude<OperationSearch, { kind: "found" }>,
  ): undefined {
    const { requests, unknownOperations } = settings;
    if (requests === "off" || unknownOperations === "pass") return undefined;
    const isPath = search.kind === "no-path";
    const detail = isPath ? "is of no operation" : "is none that the path has";
    const finding: Finding = { in: isPath ? "path" : "method", pointer: "", keyword: "operation", detail };
    this.#count(c, undefined, contract, [finding]);
    const reason = `no operation of ${contract.contract.title} is ${c.get("method")} ${pathOf(c, settings).slice(0, 256)}`;
    const error = new SelvageError(isPath ? "operation_unknown" : "method_not_allowed", reason);
    if (requests === "enforce") {
      if (!isPath) c.header("allow", search.allow.join(", "));
      throw error;
    }
    noteWouldRefuse(c, this.#counters, { policy: "contract", error: error.code });
    return undefined;
  }

  #enforce(asked: Asked): Soon<undefined> {
    const { c, operation } = asked;
    const findings = judgeRequestHead(asked);
    if (findings.length > 0) return this.#refuse(asked, refusalOf(asked, findings));
    if (c.get("body") !== null) return this.#enforceBody(asked);
    if (operation.body?.required === true) return this.#enforceBody(asked);
    this.#counts.verdict(c.get("route").name, "request", "valid");
    return undefined;
  }

  async #enforceBody(asked: Asked): Promise<undefined> {
    const refusal = await judgeRequestBody(asked);
    if (refusal !== undefined) return this.#refuse(asked, refusal);
    this.#counts.verdict(asked.c.get("route").name, "request", "valid");
  }

  #refuse({ c, operation, contract }: Asked, { findings, error }: Refusal): never {
    this.#count(c, operation.id, contract, findings);
    throw error;
  }

  /** Lets a request go on at once. @returns what judges it later */
  #watch(asked: Asked): Later {
    const { c, contract, operation } = asked;
    const body = shadowBody(asked, this.#reading);
    return async () => {
      const findings = await judgedOrNot(() => judgeShadowRequest(asked, body));
      if (findings === undefined) return this.#counts.verdict(c.get("route").name, "request", "skipped");
      if (findings.length === 0) {
        notePassed(c, this.#counters, "contract");
        return this.#counts.verdict(c.get("route").name, "request", "valid");
      }
      this.#count(c, operation.id, contract, findings);
      noteWouldRefuse(c, this.#counters, { policy: "contract", error: "request_invalid" });
    };
  }

  #leave(asked: Asked, later: Later | undefined, mode: ValidationMode): Soon<void> {
    const { c, settings } = asked;
    // What the gateway itself answers is in no contract, and a connection that changes its protocol has ended it.
    const isOurs = c.get("failure") !== undefined || c.res.webSocket !== null;
    const isJudged = !isOurs && (mode === "enforce" || Math.random() < settings.responseShare);
    const works = later === undefined ? [] : [afterwards(later)];
    if (isJudged && mode === "shadow") works.push(this.#watchAnswer(asked));
    if (works.length > 0) workBeside(c, works);
    return isJudged && mode === "enforce" ? this.#enforceAnswer(asked) : undefined;
  }

  async #enforceAnswer(asked: Asked): Promise<void> {
    const { c, operation, contract } = asked;
    const findings = await judgeWholeAnswer(asked, this.#held);
    const route = c.get("route").name;
    if (findings.length === 0) return this.#counts.verdict(route, "response", "valid");
    this.#counts.found({ route, operation: operation.id, side: "response", isKnown: contract.isKnown }, findings);
    const [{ in: place, name = "", pointer, keyword } = findings[0] as Finding] = findings;
    const reason = `${operation.id}: ${place} ${name}${pointer.slice(0, 256)} ${keyword}`;
    throw new SelvageError("answer_invalid", reason, { sent: "body" });
  }

  #watchAnswer(asked: Asked): Promise<void> {
    const { c, operation, contract } = asked;
    const route = c.get("route").name;
    const answer = shadowAnswer(asked, this.#reading);
    return afterwards(async () => {
      const findings = await judgedOrNot(() => judgeShadowAnswer(asked, answer));
      if (findings === undefined) return this.#counts.verdict(route, "response", "skipped");
      if (findings.length === 0) {
        notePassed(c, this.#counters, "answer");
        return this.#counts.verdict(route, "response", "valid");
      }
      this.#counts.found({ route, operation: operation.id, side: "response", isKnown: contract.isKnown }, findings);
      noteWouldRefuse(c, this.#counters, { policy: "answer", error: "answer_invalid" });
    });
  }

  #count(c: Exchange, operation: string | undefined, { isKnown }: ReadyContract, findings: readonly Finding[]): void {
    this.#counts.found({ route: c.get("route").name, operation, side: "request", isKnown }, findings);
  }
}

const NO_PATH = { kind: "no-path" } as const;

/** The path that operations are found by: of a contract that is the target's own, the one that the target is asked for. */
function pathOf(c: Exchange, { of }: RouteValidation): string {
  const { target } = c.get("route");
  return of !== undefined && target.kind === "forward" ? upstreamPath(c, target) : c.get("path");
}

const isEnforced = ({ requests, responses }: RouteValidation): boolean =>
  requests === "enforce" || responses === "enforce";

/** What cannot be judged in shadow is skipped: too complex is nobody's fault, and all else operators are told. */
async function judgedOrNot(
  judge: () => Promise<readonly Finding[] | undefined>,
): Promise<readonly Finding[] | undefined> {
  try {
    return await judge();
  } catch (error) {
    if (!(error instanceof SelvageError)) console.warn(JSON.stringify({ kind: "validation", reason: String(error) }));
    return undefined;
  }
}

/** When the answer has gone on its way. */
async function afterwards(work: Later): Promise<void> {
  await sleep(0);
  await work();
}

/** Expressions bring their engine along, which most contracts do not need. */
async function readContract(bytes: Uint8Array): Promise<ReadyContract> {
  const contract = parseContract(new TextDecoder().decode(bytes));
  if (contract.patterns !== true) return readyContract(contract, undefined);
  const { makeRegex } = await import("../../../shared/contract/schema-regexes.ts");
  return readyContract(contract, makeRegex);
}
