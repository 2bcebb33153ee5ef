/** How an agent gets its identity and renews it: `POST /v1/enrol` and `POST /v1/renew`. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
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
import { type AgentIdentity, refuseCredentials } from "../tls/identity.ts";
import { makeKey, makeSigningRequest } from "../tls/signing-request.ts";
import { postJson } from "./post-json.ts";

/** `final`: the control plane has spoken, asking again changes nothing. */
export class EnrolmentError extends Error {
  readonly final: boolean;
  constructor(message: string, final: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "EnrolmentError";
    this.final = final;
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
 * @param nowMs milliseconds since the epoch
 * @throws EnrolmentError
 */
export async function enrol(join: JoinToken, instance: string, nowMs: number): Promise<AgentIdentity> {
  const key = makeKey();
  const secret = createHash("sha256").update(Buffer.from(join.secret, "base64url")).digest();
  const mac = (input: string): Buffer => createHmac("sha256", secret).update(input).digest();
  const csr = makeSigningRequest(key, createPublicKey(key));
  const request = { id: join.id, csr, instance };
  const signed: EnrolRequest = { ...request, mac: mac(macInput.request(request)).toString("base64url") };
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
 * @param isKnownRoot decides by a root's fingerprint
 * @throws EnrolmentError
 */
export async function renew(
  identity: AgentIdentity,
  isKnownRoot: (fingerprint: string) => boolean,
  nowMs: number,
): Promise<AgentIdentity> {
  const key = makeKey();
  const request = proven(makeSigningRequest(key, createPublicKey(key)), createPrivateKey(identity.privateKey));
  const credentials = await post(identity.controlUrl, "/v1/renew", request, identity.token);
  if (credentials.service !== identity.service || credentials.trustDomain !== identity.trustDomain)
    throw new EnrolmentError(`the control plane answered for ${credentials.service}`, true);
  return identityOf(credentials, key, identity, nowMs, isKnownRoot);
}

/** @param current the key that was certified last */
function proven(csr: string, current: KeyObject): RenewRequest {
  const key = createPublicKey(current).export({ type: "spki", format: "der" }).toString("base64");
  const input = Buffer.from(renewalProofInput(csr));
  return { csr, key, proof: sign("sha256", input, { key: current, dsaEncoding: "ieee-p1363" }).toString("base64") };
}

function identityOf(
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

async function post(base: string, path: string, body: unknown, token?: string): Promise<Credentials> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let status: number;
  let text: string;
  try {
    ({ status, text } = await postJson(new URL(path, base), headers, body));
  } catch (error) {
    throw new EnrolmentError(`${base} cannot be reached: ${(error as Error).message}`, false, error);
  }
  if (status !== 200 && status !== 201)
    throw new EnrolmentError(`${base}${path} answered ${status}: ${detailOf(text)}`, status < 500 && status !== 429);
  try {
    return credentialsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new EnrolmentError(`${base}${path} answered something else than credentials`, true, error);
  }
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
