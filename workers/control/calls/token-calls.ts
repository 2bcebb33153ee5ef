/** Tokens of the API: made with other tokens, listed, revoked. */
import type { Document } from "../../../shared/config/schema.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { refuseGrant } from "../../../shared/policy/token-grant.ts";
import { type MadeToken, type RevokedTokens, type TokenInfo, tokenRequestSchema } from "../../../shared/wire/tokens.ts";
import { signToken } from "../authority/control-tokens.ts";
import { readJson } from "../objects/read-json.ts";
import { actorOf, CALL_BYTES, type Call, config, granted } from "./call.ts";

export async function makeToken(c: Call): Promise<Response> {
  const { lifetimeMs, role, sub, owners } = await readJson(c.req.raw, tokenRequestSchema, CALL_BYTES);
  const asked = { role, ...(owners !== undefined && { owners }) };
  const madeAtMs = Date.now();
  const maker = c.get("claims");
  const lastMs = madeAtMs + (lifetimeMs ?? limits.control.tokenLifetimeMs);
  // In whole seconds, as tokens have it, and where nothing is asked no longer than the token that it is made with.
  const endMs = lifetimeMs === undefined ? Math.min(lastMs, maker.exp * 1000) : lastMs;
  const expiresAtMs = Math.floor(endMs / 1000) * 1000;
  const why = refuseGrant({ ...maker, expiresAtMs: maker.exp * 1000 }, { ...asked, expiresAtMs });
  if (why !== undefined) throw new SelvageError("token_exceeds", why, { members: { detail: why } });
  await refuseUnknownOwners(c, owners ?? []);
  const jti = crypto.randomUUID();
  const info: TokenInfo = { jti, ...asked, sub, madeAtMs, expiresAtMs, madeBy: maker.sub };
  const refused = await config(c).addToken(info, actorOf(c));
  if (refused !== undefined) granted(refused);
  const token = await signToken(c.env.TOKEN_SECRET, sub, { jti, ...asked }, madeAtMs, expiresAtMs);
  return c.json({ token, ...info } satisfies MadeToken, 201);
}

/** A name that is mistyped would be found out by who is then refused everything. */
async function refuseUnknownOwners(c: Call, owners: readonly string[]): Promise<void> {
  if (owners.length === 0) return;
  const live = await config(c).live();
  const { owners: known = {} } = JSON.parse(live?.document ?? "{}") as Pick<Document, "owners">;
  const unknown = owners.filter((owner) => !Object.hasOwn(known, owner));
  if (unknown.length === 0) return;
  const reason = `the live document has no owner ${unknown.join(", ")}`;
  throw new SelvageError("owner_undeclared", reason, { members: { detail: reason } });
}

export async function askTokens(c: Call): Promise<Response> {
  return c.json({ tokens: await config(c).tokens() });
}

export async function revokeToken(c: Call): Promise<Response> {
  return c.json(granted(await config(c).revokeToken(c.req.param("jti") ?? "", actorOf(c))) satisfies RevokedTokens);
}
