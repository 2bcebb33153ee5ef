/** From the command line to the request that is explained. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { accessToken } from "../shared/auth/confirmation.ts";
import { refuseTokenForm } from "../shared/auth/token-form.ts";
import type { Credential, ExplainRequest } from "../shared/plan/explain-step.ts";
import { CliError, exitCodes } from "./cli-error.ts";

export interface RequestOptions {
  readonly header?: readonly string[];
  readonly as?: string;
  readonly scope?: string;
  /** Id of a key, whose record is looked up by the caller. */
  readonly asKey?: string;
  readonly claim?: readonly string[];
  readonly from?: string;
}

/**
 * @param target a path with query, or a whole http(s) URL
 * @param defaultHost host when neither the target nor a header names one
 * @throws CliError for what is no request
 */
export function requestOf(
  method: string,
  target: string,
  options: RequestOptions,
  defaultHost: string,
): ExplainRequest {
  if (!/^[A-Z][A-Z0-9_-]*$/.test(method))
    throw new CliError(exitCodes.usage, `${method} is not a method: write it in upper case, such as GET`);
  const headers = (options.header ?? []).map(readHeader);
  const headerOf = (name: string): string | undefined => headers.find(([known]) => known === name)?.[1];
  const { scheme, host, pathAndQuery } = splitTarget(target);
  const queryAt = pathAndQuery.indexOf("?");
  return {
    method,
    ...(scheme !== undefined && { scheme }),
    host: host ?? headerOf("host") ?? defaultHost,
    path: queryAt < 0 ? pathAndQuery : pathAndQuery.slice(0, queryAt),
    query: queryAt < 0 ? "" : pathAndQuery.slice(queryAt),
    headers,
    ...(options.from !== undefined && { clientIp: options.from }),
    credential: credentialOf(options, headerOf("authorization")),
  };
}

/** @param text such as `x-canary: true` */
export function readHeader(text: string): [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new CliError(exitCodes.usage, `${JSON.stringify(text)} is not a header: write 'name: value'`);
  return [name.toLowerCase(), value];
}

/** Not by a URL parser: that would resolve and rewrite what is to be judged. */
function splitTarget(target: string): { scheme?: "http" | "https"; host?: string; pathAndQuery: string } {
  if (target.startsWith("/")) return { pathAndQuery: target };
  const match = /^https?:\/\/([^/?#]+)([^#]*)$/.exec(target);
  if (match?.[1] === undefined)
    throw new CliError(exitCodes.usage, `${target} is neither a path (/orders/42) nor an http URL`);
  const rest = match[2] ?? "";
  const scheme = target.startsWith("https:") ? "https" : "http";
  return { scheme, host: match[1], pathAndQuery: rest.startsWith("/") ? rest : `/${rest}` };
}

/** `name=value`; what is JSON is read as JSON, so that lists and numbers can be said. */
function readClaim(text: string): [name: string, value: unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new CliError(exitCodes.usage, `${JSON.stringify(text)} is not a claim: write 'name=value'`);
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

function credentialOf({ as, scope, claim }: RequestOptions, authorization: string | undefined): Credential {
  const claims = claim === undefined ? {} : { claims: Object.fromEntries(claim.map(readClaim)) };
  if (as !== undefined)
    return { kind: "assumed", sub: as, scopes: (scope ?? "").split(/[\s,]+/).filter((one) => one !== ""), ...claims };
  if (scope !== undefined) throw new CliError(exitCodes.usage, "--scope needs --as: whose scopes are they?");
  if (claim !== undefined) throw new CliError(exitCodes.usage, "--claim needs --as: whose claims are they?");
  const token = accessToken(authorization)?.token;
  if (token === undefined) return { kind: "none" };
  const fault = refuseTokenForm(token);
  if (fault !== undefined) return { kind: "malformed", reason: fault };
  try {
    return { kind: "token", header: { ...decodeProtectedHeader(token) }, claims: decodeJwt(token) };
  } catch {
    return { kind: "malformed", reason: "the token is not a JWT" };
  }
}
