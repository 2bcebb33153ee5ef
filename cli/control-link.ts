/** How calls of the control API are made; everything that can go wrong becomes an exit code. */
import { CliError, type ExitCode, exitCodes } from "./cli-error.ts";
import type { ControlAddress } from "./find-system.ts";

/** For one call, milliseconds. */
export const CALL_TIMEOUT_MS = 10_000;
const NDJSON = "application/x-ndjson";

/** An RFC 9457 problem as the control plane sends it. */
export interface ControlProblem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly path?: readonly (string | number)[]; readonly message?: string }[];
  readonly [member: string]: unknown;
}

/** A call that the control plane refused. */
export class ControlRefusal extends CliError {
  readonly problem: ControlProblem;

  constructor(exitCode: ExitCode, message: string, problem: ControlProblem) {
    super(exitCode, message);
    this.problem = problem;
  }
}

export class ControlLink {
  readonly #address: ControlAddress;

  constructor(address: ControlAddress) {
    this.#address = address;
  }

  /** @throws ControlRefusal for what the control plane refuses, CliError when it does not answer */
  protected async call<Answer>(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number = CALL_TIMEOUT_MS,
  ): Promise<Answer> {
    const { status, text } = await this.send(method, path, body, timeoutMs);
    if (status >= 200 && status < 300) {
      try {
        return JSON.parse(text) as Answer;
      } catch {
        throw new CliError(exitCodes.unreachable, `${this.#address.url} does not answer like a control plane`);
      }
    }
    throw refusal(status, text, `${method} ${path}`);
  }

  /** @param body a text and bytes go as they are, anything else as JSON */
  protected async send(
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    const { url, token, found } = this.#address;
    try {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": kindOf(body) }),
        },
        ...(body !== undefined && { body: isRaw(body) ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, text: await response.text() };
    } catch (fault) {
      const what = `the control plane at ${url} does not answer: ${reasonOf(fault)}`;
      throw new CliError(exitCodes.unreachable, found === undefined ? what : `${what}\n${found}`);
    }
  }
}

const isRaw = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === "string" || body instanceof Uint8Array;

function kindOf(body: unknown): string {
  if (typeof body === "string") return NDJSON;
  return body instanceof Uint8Array ? "application/octet-stream" : "application/json";
}

function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  if (fault.name === "TimeoutError") return "nothing in time";
  return fault.cause instanceof Error
    ? fault.cause.message || ((fault.cause as NodeJS.ErrnoException).code ?? fault.message)
    : fault.message;
}

/** What a refused call comes to. */
export function refusal(status: number, text: string, call: string): ControlRefusal {
  const problem = readProblem(text);
  const errors = (problem.errors ?? [])
    .map(({ path, message }) => `\n  ${path?.join(".") ?? ""} ${message ?? ""}`)
    .join("");
  const what = problem.detail ?? problem.title ?? text.slice(0, 200);
  if (status === 401 || (status === 403 && problem.errors === undefined))
    return new ControlRefusal(exitCodes.findings, `the control plane refuses the token (${status}): ${what}`, problem);
  if (status >= 500)
    return new ControlRefusal(
      exitCodes.unreachable,
      `the control plane failed (${status}) at ${call}: ${what}`,
      problem,
    );
  const exitCode = status === 400 || status === 422 ? exitCodes.usage : exitCodes.findings;
  return new ControlRefusal(exitCode, `the control plane refuses (${status}): ${what}${errors}`, problem);
}

function readProblem(text: string): ControlProblem {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as ControlProblem) : {};
  } catch {
    return {};
  }
}
