/** What the entrypoints for the control plane share: who may ask, what is asked, and how a refusal is told. */
import { base64url, errors, jwtVerify } from "jose";
import * as z from "zod/mini";
import { SelvageError, toProblem } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
  type ControlTokenClaims,
  controlTokenClaimsSchema,
} from "../../../shared/wire/control-token.ts";
import type { Env } from "../env.ts";
import { readText } from "../upstream/read-text.ts";

/**
 * Lets a call of the control plane pass that was made for this administration.
 * @throws SelvageError credentials_missing, credentials_invalid, role_missing, secret_missing
 */
export async function believe(
  env: Pick<Env, "KEY_ADMIN_SECRET">,
  authorization: string | undefined,
  role: ControlTokenClaims["role"],
): Promise<void> {
  const token = /^bearer +([\w.-]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw new SelvageError("credentials_missing", "no bearer token");
  const secret = /^[\w-]{43,}$/.test(env.KEY_ADMIN_SECRET ?? "")
    ? base64url.decode(env.KEY_ADMIN_SECRET ?? "")
    : undefined;
  if (secret === undefined)
    throw new SelvageError("secret_missing", "KEY_ADMIN_SECRET must be 32 random bytes or more as base64url");
  const claims = await jwtVerify(token, secret, {
    algorithms: [CONTROL_TOKEN_ALGORITHM],
    typ: CONTROL_TOKEN_TYPE,
    issuer: CONTROL_TOKEN_ISSUER,
    audience: CONTROL_TOKEN_AUDIENCE,
    requiredClaims: ["exp"],
  }).then(
    ({ payload }) => z.safeParse(controlTokenClaimsSchema, payload),
    (error: unknown) => {
      if (error instanceof errors.JOSEError) throw new SelvageError("credentials_invalid", error.message);
      throw error;
    },
  );
  if (!claims.success) throw new SelvageError("credentials_invalid", "claims are not those of a control token");
  if (claims.data.role !== role) throw new SelvageError("role_missing", `needs role ${role}, has ${claims.data.role}`);
}

/** @throws SelvageError bad_request, body_too_large */
export async function readAdminJson<T extends z.ZodMiniType>(request: Request, schema: T): Promise<z.infer<T>> {
  const text = await readText(new Response(request.body), limits.control.callBytesMax);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badRequest("the body is not JSON");
  }
  const parsed = z.safeParse(schema, json);
  if (parsed.success) return parsed.data;
  throw badRequest(parsed.error.issues.map(sentenceOf).join("; "));
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `${issue.keys.join(", ")}: not a member that can be changed`;
  return `${issue.path.join(".")}: ${issue.message}`;
}

export function badRequest(detail: string): SelvageError {
  return new SelvageError("bad_request", detail, { members: { detail } });
}

/** @param kind of the line in the log */
export function adminProblem(kind: string, thrown: unknown): Response {
  const error =
    thrown instanceof SelvageError ? thrown : new SelvageError("internal", String(thrown), { cause: thrown });
  console.warn(JSON.stringify({ kind, error: error.code, reason: error.reason }));
  const told = error.code === "secret_missing" ? { ...toProblem(error), detail: error.reason } : toProblem(error);
  return new Response(JSON.stringify(told), {
    status: error.facts.status,
    headers: { "content-type": "application/problem+json" },
  });
}
