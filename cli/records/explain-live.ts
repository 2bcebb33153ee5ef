/** `explain --live`: a real request, which the gateway answers with what it has decided. */

import { printable } from "../../shared/config/code-frame.ts";
import { EXPLAIN, EXPLAINED } from "../../shared/http/header-names.ts";
import { parseRequestTarget } from "../../shared/http/request-target.ts";
import { type Explained, explainedSchema } from "../../shared/wire/explain-token.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect } from "../options.ts";
import { printJson, say } from "../output.ts";
import { showRecord } from "./explain-trace.ts";

const REQUEST_MS = 60_000;

export interface LiveOptions extends ControlOptions {
  readonly json?: boolean;
}

/**
 * @param headers of the request
 * @throws CliError usage: no whole URL; unreachable: nobody answers; findings: the answer does not say it
 */
export async function explainLive(
  method: string,
  url: string,
  headers: readonly (readonly [name: string, value: string])[],
  options: LiveOptions,
): Promise<void> {
  const target = /^https?:\/\//.test(url) ? parseRequestTarget(url) : undefined;
  if (target === undefined)
    throw new CliError(
      exitCodes.usage,
      "--live sends a request: say a whole URL, such as https://api.example/orders/42",
    );
  const { token } = await connect(options).explainToken(target.host);
  const answer = await send(method, url, [...headers, [EXPLAIN, token]]);
  const told = answer.headers.get(EXPLAINED);
  await answer.body?.cancel();
  const explained = told === null ? undefined : read(told);
  if (explained === undefined)
    throw new CliError(
      exitCodes.findings,
      `${target.authority} answered ${answer.status} and did not say why: it is no gateway of this control plane, or refused the request before it could be judged`,
    );
  const { entry, decisions } = explained;
  const { authority, query } = target;
  const scheme = url.startsWith("https:") ? "https" : "http";
  const record = { because: "asked", entry, decisions, request: { scheme, authority, query, headers: [] } } as const;
  if (options.json) printJson({ status: answer.status, ...explained });
  else await showRecord(record, options);
  say(
    `-- it was sent, and answered with ${answer.status}. In a few seconds, with its hops: selvage explain --trace ${printable(String(entry.traceId))}`,
  );
}

async function send(
  method: string,
  url: string,
  headers: readonly (readonly [name: string, value: string])[],
): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      headers: headers.map(([name, value]) => [name, value]),
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
  } catch (fault) {
    const cause = fault instanceof Error && fault.cause instanceof Error ? fault.cause.message : String(fault);
    throw new CliError(exitCodes.unreachable, `${url} does not answer: ${cause}`);
  }
}

function read(text: string): Explained | undefined {
  try {
    const parsed = explainedSchema.safeParse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
