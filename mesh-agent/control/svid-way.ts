/**
 * An agent whose identity is of an outside issuer, such as SPIRE: its SVID comes from a Workload API, and the control plane is shown
 * that it has its key. The key stays in memory.
 */
import { createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import * as z from "zod/mini";
import { challengeAnswerSchema, joinInput, svidJoinAnswerSchema } from "../../shared/wire/joining.ts";
import type { Log } from "../telemetry/log.ts";
import type { AgentIdentity } from "../tls/identity.ts";
import type { Svid } from "../workload-api/messages.ts";
import { SvidStream } from "../workload-api/svid-stream.ts";
import { EnrolmentError, postFor } from "./enrolment.ts";
import { insist, refusePlain } from "./insist.ts";
import type { OpenState, StateFile } from "./state-file.ts";

/** How an agent is told to take its identity from a Workload API. */
export interface SvidJoin {
  readonly controlUrl: string;
  /** Path of the Workload API's socket. */
  readonly socket: string;
  /** Of the SVID that is wanted; absent: the first. */
  readonly hint: string | undefined;
}

export interface SvidOptions {
  readonly open: OpenState;
  readonly svid: SvidJoin;
  readonly instance: string;
  /** The control plane may be called in clear off loopback. */
  readonly insecure: boolean;
  readonly log: Log;
}

/** What is kept on disk: which service the SPIFFE ID was, so that a new process starts without the control plane. No secret. */
const knownSchema = z.object({
  format: z.literal(1),
  controlUrl: z.string(),
  spiffeId: z.string(),
  service: z.string(),
  trustDomain: z.string(),
});
type Known = z.infer<typeof knownSchema>;

export class SvidWay {
  /** Told of each SVID after the first. */
  onChanged: (() => void) | undefined;
  readonly #options: SvidOptions;
  readonly #stream: SvidStream;
  readonly #file: StateFile<Known>;
  #svid: Svid | undefined;
  #known: Known | undefined;

  /** Waits for the first SVID, as long as it takes. @throws when the Workload API will give none */
  static async open(options: SvidOptions): Promise<SvidWay> {
    refusePlain(options.svid.controlUrl, options.insecure);
    return new Promise((resolve, reject) => {
      const way = new SvidWay(options, () => resolve(way), reject);
      way.#stream.start();
    });
  }

  private constructor(options: SvidOptions, onFirst: () => void, onFailed: (error: Error) => void) {
    this.#options = options;
    const { log, svid } = options;
    this.#file = options.open("svid.json", (value) => knownSchema.parse(value));
    this.#stream = new SvidStream({
      ...{ path: svid.socket, hint: svid.hint, random: Math.random },
      onSvid: (given) => {
        const isFirst = this.#svid === undefined;
        if (!this.#take(given)) return;
        if (isFirst) onFirst();
        else this.onChanged?.();
      },
      onTrouble: (message, final) => {
        log.event("svid_trouble", message);
        if (final && this.#svid === undefined) onFailed(new Error(message));
      },
    });
  }

  /** @returns whether it is another one than before */
  #take(given: Svid): boolean {
    const { log } = this.#options;
    const { spiffeId, certificates } = given;
    const before = this.#svid;
    if (before !== undefined && before.spiffeId !== spiffeId) {
      log.event("svid_trouble", `an SVID of ${spiffeId} is not used, for this agent runs as ${before.spiffeId}`);
      return false;
    }
    if (JSON.stringify(before) === JSON.stringify(given)) return false;
    this.#svid = given;
    const end = new X509Certificate(certificates[0] ?? "").validToDate.toISOString();
    log.event("svid", `the SVID of ${spiffeId} is in use until ${end}`);
    return true;
  }

  get #current(): Svid {
    if (this.#svid === undefined) throw new Error("there is no SVID yet");
    return this.#svid;
  }

  /** Roots of other trust domains that the issuer told. */
  get federated(): Svid["federated"] {
    return this.#current.federated;
  }

  /** The identity that an agent starts with. */
  async first(): Promise<{ identity: AgentIdentity; fresh: boolean }> {
    const { log, instance } = this.#options;
    const known = this.#load();
    try {
      const identity = await (known === undefined ? insist(() => this.prove(), log) : this.prove());
      const { service, trustDomain } = identity;
      const fresh = known?.service !== service;
      if (fresh) log.event("enrolled", `${service} of ${trustDomain} by its SVID`, { service, trustDomain, instance });
      return { identity, fresh };
    } catch (error) {
      if (known === undefined || !(error instanceof EnrolmentError) || error.final) throw error;
      log.event("control_awaited", `${error.message}; starting as ${known.service} without it`);
      return { identity: this.#identity({ ...known, token: "" }), fresh: false };
    }
  }

  /** What is kept of this SPIFFE ID. */
  #load(): Known | undefined {
    const { svid, log } = this.#options;
    try {
      const known = this.#file.load();
      const isSame = known?.spiffeId === this.#current.spiffeId && known.controlUrl === svid.controlUrl;
      this.#known = isSame ? known : undefined;
    } catch (error) {
      log.event("state_trouble", (error as Error).message);
    }
    return this.#known;
  }

  /** Shows the SVID to the control plane. @returns the identity with a token of that. @throws EnrolmentError */
  async prove(): Promise<AgentIdentity> {
    const { svid, instance } = this.#options;
    const { certificates, privateKey, trustDomain, spiffeId } = this.#current;
    const { challenge } = await postFor(challengeAnswerSchema, svid.controlUrl, "/v1/join/challenge", {});
    const der = certificates.map((pem) => new X509Certificate(pem).raw.toString("base64"));
    const request = { certificates: der, instance, challenge };
    const proof = signBy(createPrivateKey(privateKey), joinInput.svid(request));
    const path = "/v1/join/svid";
    const answer = await postFor(svidJoinAnswerSchema, svid.controlUrl, path, { ...request, proof });
    if (answer.trustDomain !== trustDomain)
      throw new EnrolmentError(`the control plane is of ${answer.trustDomain}, the SVID of ${trustDomain}`, true);
    this.#keep({ format: 1, controlUrl: svid.controlUrl, spiffeId, service: answer.service, trustDomain });
    return this.#identity(answer);
  }

  #keep(known: Known): void {
    if (JSON.stringify(known) === JSON.stringify(this.#known)) return;
    this.#known = known;
    try {
      this.#file.saveNow(known);
    } catch (error) {
      this.#options.log.event("state_trouble", `the service is not on disk: ${(error as Error).message}`);
    }
  }

  /** The same agent by the SVID of now. */
  renewed(identity: AgentIdentity): AgentIdentity {
    return this.#identity(identity);
  }

  #identity({ service, token }: Pick<AgentIdentity, "service" | "token">): AgentIdentity {
    const { svid, instance } = this.#options;
    const { trustDomain, privateKey, certificates, roots } = this.#current;
    return {
      ...{ format: 1, controlUrl: svid.controlUrl, rootFingerprint: "", instance, service, trustDomain, token },
      ...{ privateKey, certificates: [...certificates], roots: [...roots] },
    };
  }

  stop(): void {
    this.#stream.stop();
  }
}

/** As the wire says of each kind of key. */
function signBy(key: KeyObject, text: string): string {
  const hash = key.asymmetricKeyDetails?.namedCurve === "secp384r1" ? "sha384" : "sha256";
  return sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64");
}
