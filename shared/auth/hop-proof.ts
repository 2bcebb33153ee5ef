/**
 * The proof that binds one request to the gateway that sends it to the ingress agent: an HTTP Message Signature (RFC 9421)
 * by hmac-sha256 under a key that the control plane gave to both. What is covered follows draft-ietf-wimse-http-signature
 * section 3; other than there `keyid` is given, for the key is shared and rotates. Signing is the hosts' work.
 */
import {
  BODY,
  CONTENT_DIGEST,
  DEADLINE,
  PLAN_VERSION,
  PRIORITY,
  SERVICE,
  TRACEPARENT,
  TXN_TOKEN,
} from "../http/header-names.ts";
import { limits } from "../limits.ts";

/** Label of the proof in `Signature-Input` and `Signature`, where it stands first: what follows is the client's. */
export const HOP_LABEL = "selvage";
const HOP_TAG = "selvage-hop";

/** Fields that every proof covers after `@method` and `@request-target`, in this order. */
export const HOP_FIELDS = [TXN_TOKEN, TRACEPARENT, SERVICE, PLAN_VERSION, DEADLINE] as const;

/** Fields that are covered where the request has them: the ingress refuses one that is there and is not. */
export const HOP_FIELDS_IF_PRESENT = [
  "forwarded",
  "content-type",
  CONTENT_DIGEST,
  BODY,
  "authorization",
  PRIORITY,
] as const;

/** Parameters of the signature, RFC 9421 section 2.3. */
export interface HopParameters {
  /** Seconds since the epoch. */
  readonly created: number;
  readonly expires: number;
  /** Random name of the isolate, 16 characters of base64url. */
  readonly isolate: string;
  /** Number of the request in its isolate, from 1: with the isolate the nonce. */
  readonly count: number;
  readonly kid: string;
}

/** One line of the signature base: a field that is covered, and its value. */
export type CoveredField = readonly [name: string, value: string];

export interface SignatureText {
  /** What the label stands for in `Signature-Input`. */
  readonly parameters: string;
  /** What is signed, RFC 9421 section 2.5. */
  readonly base: string;
}

/** Parameters of a proof that is made now. */
export function hopParameters(isolate: string, count: number, kid: string, nowMs: number): HopParameters {
  const created = Math.floor(nowMs / 1000);
  return { created, expires: created + limits.hopProof.lifetimeMs / 1000, isolate, count, kid };
}

/**
 * What a proof signs.
 * @param target as on the request line, in origin-form (RFC 9421 section 2.2.5)
 * @param covered names in lower case; values ASCII, without white space around them (RFC 9421 section 2.1)
 */
export function hopSignatureText(
  method: string,
  target: string,
  covered: readonly CoveredField[],
  { created, expires, isolate, count, kid }: HopParameters,
): SignatureText {
  let list = '("@method" "@request-target"';
  let base = `"@method": ${method}\n"@request-target": ${target}\n`;
  for (const [name, value] of covered) {
    list += ` "${name}"`;
    base += `"${name}": ${value}\n`;
  }
  const parameters = `${list});created=${created};expires=${expires};nonce="${isolate}.${count}";keyid="${kid}";tag="${HOP_TAG}"`;
  return { parameters, base: `${base}"@signature-params": ${parameters}` };
}

/** Whether a field's value can be covered: RFC 9421 section 2.1 knows ASCII alone. */
export function isCoverable(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/** The fields in front of which the proof goes: what the client said under the same label would be taken for it. */
export function speaksAsHop(clientField: string): boolean {
  return /(?:^|[,\s])selvage\s*=/i.test(clientField);
}

/** A proof as it came, before anything of it is believed. */
export interface ReceivedProof extends HopParameters {
  /** Names of the covered fields after `@method` and `@request-target`. */
  readonly covered: readonly string[];
  /** base64 of the MAC. */
  readonly signature: string;
  /** What the client itself said in `Signature-Input` and `Signature`; empty: nothing. */
  readonly clientInput: string;
  readonly clientSignature: string;
}

const INPUT =
  /^selvage=\("@method" "@request-target"((?: "[a-z0-9!#$%&'*+.^_`|~-]+")+)\);created=(\d{1,12});expires=(\d{1,12});nonce="([\w-]{16})\.(\d{1,15})";keyid="([\w-]{1,64})";tag="selvage-hop"(?:, (.*))?$/;
const SIGNATURE = /^selvage=:([A-Za-z0-9+/]{43}=):(?:, (.*))?$/;

/**
 * Reads the proof in front of the two fields, in exactly the form that `hopSignatureText` gives it.
 * @param input, signature all lines of each field, joined by ", "
 * @returns why it is none otherwise
 */
export function readHopProof(input: string, signature: string): ReceivedProof | string {
  const parts = INPUT.exec(input);
  if (parts === null) return "Signature-Input does not begin with a proof of the gateway";
  const mac = SIGNATURE.exec(signature);
  if (mac === null) return "Signature does not begin with a proof of the gateway";
  const [, list = "", created, expires, isolate = "", count, kid = "", clientInput = ""] = parts;
  // What the client said behind it is as long as a head may be.
  if (input.length - clientInput.length > limits.hopProof.inputCharsMax)
    return "the proof in Signature-Input is too long";
  const covered = list.slice(2, -1).split('" "');
  if (covered.length > limits.hopProof.componentsMax) return "it covers too many fields";
  if (new Set(covered).size !== covered.length) return "it covers a field twice";
  return {
    covered,
    created: Number(created),
    expires: Number(expires),
    isolate,
    count: Number(count),
    kid,
    signature: mac[1] ?? "",
    clientInput,
    clientSignature: mac[2] ?? "",
  };
}

/**
 * The covered fields of a request with their values, for `hopSignatureText`.
 * @param valueIn all lines of a field joined by ", "; undefined: there is none
 * @returns why the proof does not cover enough otherwise
 */
export function coveredFields(
  covered: readonly string[],
  valueIn: (name: string) => string | undefined,
): CoveredField[] | string {
  for (const [index, name] of HOP_FIELDS.entries()) if (covered[index] !== name) return `it does not cover ${name}`;
  for (const name of HOP_FIELDS_IF_PRESENT) {
    if (covered.includes(name)) continue;
    const value = valueIn(name);
    if (value !== undefined && isCoverable(value)) return `it does not cover ${name}, which is there`;
  }
  const fields: CoveredField[] = [];
  for (const name of covered) {
    const value = valueIn(name);
    if (value === undefined) return `it covers ${name}, which is not there`;
    fields.push([name, value]);
  }
  return fields;
}

/** Why a proof is not good at this time, or undefined when it is. */
export function refuseHopTime({ created, expires }: HopParameters, nowMs: number): string | undefined {
  const { lifetimeMs, clockSkewMs } = limits.hopProof;
  if (expires - created > lifetimeMs / 1000) return "it lives longer than allowed";
  if (nowMs < created * 1000 - clockSkewMs) return "it was made in the future";
  if (nowMs > expires * 1000 + clockSkewMs) return "it has expired";
  return undefined;
}

/** A digest of content that both sides can check. */
export interface BodyDigest {
  readonly algorithm: "sha-256" | "sha-512";
  /** base64. */
  readonly value: string;
}

const DIGESTS = [
  { algorithm: "sha-512", form: /(?:^|[,\s])sha-512=:([A-Za-z0-9+/]{86}==):/g },
  { algorithm: "sha-256", form: /(?:^|[,\s])sha-256=:([A-Za-z0-9+/]{43}=):/g },
] as const;

/** The strongest digest that a `Content-Digest` (RFC 9530) states, exactly once; undefined: none that binds. */
export function bodyDigestOf(field: string): BodyDigest | undefined {
  for (const { algorithm, form } of DIGESTS) {
    const [first, ...more] = [...field.matchAll(form)];
    if (first?.[1] !== undefined && more.length === 0) return { algorithm, value: first[1] };
  }
  return undefined;
}
