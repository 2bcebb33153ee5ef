/** How an agent gets its identity and renews it: `POST /v1/enrol` and `POST /v1/renew`. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import {
  type Credentials,
  credentialsSchema,
  type EnrolRequest,
  JOIN_TOKEN_PREFIX,
  type JoinToken,
  joinTokenSchema,
  macInput,
  type RenewRequest,
  renewalProofInput,
} from "../../shared/wire/enrolment.ts";
import { joinInput } from "../../shared/wire/joining.ts";
import { type AgentIdentity, refuseCredentials } from "../tls/identity.ts";
import { makeKey, makeSigningRequest } from "../tls/signing-request.ts";
import { type EnrolmentKey, publicHalf, signText } from "./enrolment-key.ts";
import { postJson } from "./post-json.ts";

/** `final`: the control plane has spoken, asking again changes nothing. */
export class EnrolmentError extends Error {
  readonly final: boolean;
  /** Of the answer, where there was one. */
  readonly status: number | undefined;
  constructor(message: string, final: boolean, cause?: unknown, status?: number) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "EnrolmentError";
    this.final = final;
    this.status = status;
  }
}

/** @throws EnrolmentError when the text is no join token */
export function parseJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(JOIN_TOKEN_PREFIX))
    throw new EnrolmentError(`a join token begins with ${JOIN_TOKEN_PREFIX}`, true);
  try {
    const json = Buffer.from(trimmed.slice(JOIN_TOKEN_PREFIX.length), "base64url").toString("utf8");
    const token = joinTokenSchema.parse(JSON.parse(json));
    if (!/^https?:$/.test(new URL(token.url).protocol))
      throw new Error(`${token.url} is no address of a control plane`);
    return token;
  } catch (error) {
    throw new EnrolmentError("the join token is damaged: was it copied whole?", true, error);
  }
}

/**
 * Trades a join token for an identity; the key is made here.
 * @param enrolment by which this instance comes back later
 * @param nowMs milliseconds since the epoch
 * @throws EnrolmentError
 */
export async function enrol(
  join: JoinToken,
  instance: string,
  enrolment: EnrolmentKey,
  nowMs: number,
): Promise<AgentIdentity> {
  const key = makeKey();
  const secret = createHash("sha256").update(Buffer.from(join.secret, "base64url")).digest();
  const mac = (input: string): Buffer => createHmac("sha256", secret).update(input).digest();
  const csr = makeSigningRequest(key, createPublicKey(key));
  const request = { id: join.id, csr, instance };
  const known = publicHalf(enrolment);
  const keyMac = mac(joinInput.enrol(join.id, instance, csr, known)).toString("base64url");
  const signed: EnrolRequest = {
    ...request,
    mac: mac(macInput.request(request)).toString("base64url"),
    enrolment: { key: known, mac: keyMac },
  };
  const credentials = await post(join.url, "/v1/enrol", signed);
  const answered = Buffer.from(credentials.mac ?? "", "base64url");
  const expected = mac(macInput.answer(request, credentials));
  if (answered.length !== expected.length || !timingSafeEqual(answered, expected))
    throw new EnrolmentError(`${join.url} does not know the secret of this join token`, true);
  const root = join.root.toLowerCase();
  return identityOf(
    credentials,
    key,
    { controlUrl: join.url, rootFingerprint: root, instance },
    nowMs,
    (fingerprint) => {
      return fingerprint === root;
    },
  );
}

/**
 * A new certificate with a new key for an agent that has one.
 * @param enrolment by which this instance comes back later; told with each renewal, which counts as its use
 * @param isKnownRoot decides by a root's fingerprint
 * @throws EnrolmentError
 */
export async function renew(
  identity: AgentIdentity,
  enrolment: EnrolmentKey | undefined,
  isKnownRoot: (fingerprint: string) => boolean,
  nowMs: number,
): Promise<AgentIdentity> {
  const key = makeKey();
  const request = proven(
    makeSigningRequest(key, createPublicKey(key)),
    createPrivateKey(identity.privateKey),
    enrolment,
  );
  const credentials = await post(identity.controlUrl, "/v1/renew", request, identity.token);
  if (credentials.service !== identity.service || credentials.trustDomain !== identity.trustDomain)
    throw new EnrolmentError(`the control plane answered for ${credentials.service}`, true);
  return identityOf(credentials, key, identity, nowMs, isKnownRoot);
}

/** @param current the key that was certified last */
function proven(csr: string, current: KeyObject, enrolment: EnrolmentKey | undefined): RenewRequest {
  const key = createPublicKey(current).export({ type: "spki", format: "der" }).toString("base64");
  const request = { csr, key, proof: signText(current, renewalProofInput(csr)) };
  if (enrolment === undefined) return request;
  const known = publicHalf(enrolment);
  return { ...request, enrolment: { key: known, proof: signText(current, joinInput.renew(csr, known)) } };
}

/** @throws EnrolmentError when credentials are not for this key, or lead to no known root */
export function identityOf(
  credentials: Credentials,
  key: KeyObject,
  kept: Pick<AgentIdentity, "controlUrl" | "rootFingerprint" | "instance">,
  nowMs: number,
  isKnownRoot: (fingerprint: string) => boolean,
): AgentIdentity {
  const privateKey = key.export({ type: "pkcs8", format: "pem" }).toString();
  const { service, trustDomain, token, certificates, roots } = credentials;
  let refused: string | undefined;
  try {
    refused = refuseCredentials(credentials, privateKey, isKnownRoot, nowMs);
  } catch (error) {
    refused = (error as Error).message;
  }
  if (refused !== undefined) throw new EnrolmentError(`the certificate is not accepted: ${refused}`, true);
  const { controlUrl, rootFingerprint, instance } = kept;
  return {
    format: 1,
    controlUrl,
    rootFingerprint,
    instance,
    service,
    trustDomain,
    token,
    privateKey,
    certificates,
    roots,
  };
}

function post(base: string, path: string, body: unknown, token?: string): Promise<Credentials> {
  return postFor(credentialsSchema, base, path, body, token);
}

/** One call for credentials, or what leads to them. @throws EnrolmentError */
export async function postFor<Answer>(
  schema: { parse(value: unknown): Answer },
  base: string,
  path: string,
  body: unknown,
  token?: string,
): Promise<Answer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let status: number;
  let text: string;
  try {
    ({ status, text } = await postJson(new URL(path, base), headers, body));
  } catch (error) {
    throw new EnrolmentError(`${base} cannot be reached: ${(error as Error).message}`, false, error);
  }
  if (status !== 200 && status !== 201) throw refusedBy(`${base}${path}`, status, text);
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new EnrolmentError(`${base}${path} answered something else than credentials`, true, error);
  }
}

function refusedBy(where: string, status: number, text: string): EnrolmentError {
  const isFinal = status < 500 && status !== 429;
  return new EnrolmentError(`${where} answered ${status}: ${detailOf(text)}`, isFinal, undefined, status);
}

/** What a problem document says, or the beginning of anything else. */
function detailOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    if (typeof detail === "string") return detail;
    if (typeof title === "string") return title;
  } catch {
    // Not JSON: the text itself has to do.
  }
  return text.slice(0, 200).trim() || "without a reason";
}
