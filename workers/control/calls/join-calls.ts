/** Calls by which workloads join without a join token, or come back, and those about their keys. */
import { SelvageError } from "../../../shared/errors.ts";
import type { Credentials } from "../../../shared/wire/enrolment.ts";
import {
  type EnrolmentKeyInfo,
  joinInput,
  keyJoinRequestSchema,
  type SvidJoinAnswer,
  svidJoinRequestSchema,
  type TokenJoinRequest,
  tokenJoinRequestSchema,
} from "../../../shared/wire/joining.ts";
import { challengeEnd, challengeId, makeChallenge } from "../authority/join-challenge.ts";
import { isSignedBy, knownAs } from "../authority/key-proof.ts";
import { readOutsideSvid } from "../authority/outside-svid.ts";
import { proveToken } from "../authority/outside-tokens.ts";
import type { IssuedCredentials, ProvenJoin } from "../objects/authority-rpc.ts";
import { readJson } from "../objects/read-json.ts";
import type { Refused } from "../objects/rpc.ts";
import { hubFor } from "../upstream/hubs.ts";
import { checkInstance } from "./agent-calls.ts";
import { authority, CALL_BYTES, type Call, config, granted } from "./call.ts";

export async function joinChallenge(c: Call): Promise<Response> {
  return c.json({ challenge: await makeChallenge(c.env.TOKEN_SECRET, Date.now()) });
}

export async function joinByToken(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, tokenJoinRequestSchema, CALL_BYTES);
  checkInstance(request.instance);
  for (let judged = 0; judged < JUDGED_MAX; judged++) {
    const given = await joinByRules(c, request);
    if (given !== "outdated") return answer(c, given);
  }
  throw await refusal(c, request.instance, "the document changed each time that it was asked");
}

/** Another version may become live while keys of the issuer are fetched: its rules decide then. */
const JUDGED_MAX = 3;

async function joinByRules(c: Call, request: TokenJoinRequest): Promise<IssuedCredentials | Refused | "outdated"> {
  const { token, instance } = request;
  const { join, version: judgedBy } = await config(c).joining();
  if (join === undefined)
    throw await refusal(c, instance, "the live document lets nobody join by a token (`mesh.join`)");
  const joiner = await proveJoin(c, request, joinInput.token(request));
  if (typeof joiner === "string") throw await refusal(c, instance, joiner);
  const proven = await proveToken(token, join, Date.now());
  if (typeof proven === "string") throw await refusal(c, instance, proven);
  const { service, cause, id: tokenId, endsAtMs: tokenEndMs, reuse } = proven;
  return authority(c).joinByToken({ ...joiner, service, instance, cause, tokenId, tokenEndMs, reuse, judgedBy });
}

export async function joinByKey(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, keyJoinRequestSchema, CALL_BYTES);
  const joiner = await proveJoin(c, request, joinInput.key(request));
  if (typeof joiner === "string") throw await refusal(c, "an enrolment key", joiner);
  return answer(c, await authority(c).joinByKey(joiner));
}

export async function joinBySvid(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, svidJoinRequestSchema, CALL_BYTES);
  const { instance, challenge } = request;
  checkInstance(instance);
  const nowMs = Date.now();
  const challengeEndMs = await challengeEnd(c.env.TOKEN_SECRET, challenge, nowMs);
  if (typeof challengeEndMs === "string") throw await refusal(c, instance, challengeEndMs);
  const { outside } = await authority(c).trust();
  if (outside === undefined)
    throw await refusal(c, instance, "the live document names no outside issuer (`mesh.identity.spiffe`)");
  const svid = await readOutsideSvid(request, outside, nowMs);
  if (typeof svid === "string") throw await refusal(c, instance, svid);
  const proven = { ...svid, instance, challengeId: await challengeId(challenge), challengeEndMs };
  const { tokenEndMs: expiresAtMs, ...admitted } = granted(await authority(c).joinBySvid(proven));
  const { service, key, notAfterMs } = svid;
  const hub = hubFor(c.env, service, instance);
  c.executionCtx.waitUntil(hub.renewed(service, instance, notAfterMs, { key, expiresAtMs }));
  return c.json(admitted satisfies SvidJoinAnswer);
}

/** @returns or why it is not proven */
async function proveJoin(
  c: Call,
  { csr, challenge, key, proof }: { csr: string; challenge: string; key: string; proof: string },
  signed: string,
): Promise<ProvenJoin | string> {
  const challengeEndMs = await challengeEnd(c.env.TOKEN_SECRET, challenge, Date.now());
  if (typeof challengeEndMs === "string") return challengeEndMs;
  const keyId = await knownAs(key);
  if (keyId === undefined) return "the enrolment key is not ECDSA P-256";
  if (!(await isSignedBy(key, proof, signed))) return "the request is not signed by the enrolment key";
  return { csr, keyId, challengeId: await challengeId(challenge), challengeEndMs };
}

async function refusal(c: Call, who: string, reason: string): Promise<SelvageError> {
  const { refused } = await authority(c).refuseJoining(who, reason);
  return new SelvageError(refused.code, refused.reason);
}

function answer(c: Call, given: IssuedCredentials | Refused): Response {
  const { notAfterMs: _, ...credentials } = granted(given);
  return c.json(credentials satisfies Credentials);
}

export async function enrolmentKeys(c: Call): Promise<Response> {
  return c.json({ keys: await authority(c).enrolmentKeys() } satisfies { keys: EnrolmentKeyInfo[] });
}

export async function removeEnrolmentKey(c: Call): Promise<Response> {
  const id = c.req.param("id") ?? "";
  return c.json(granted(await authority(c).removeEnrolmentKey(id, c.get("claims").sub)) satisfies EnrolmentKeyInfo);
}
