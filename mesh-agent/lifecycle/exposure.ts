/**
 * The listener of an agent towards the outside. It is open while the plan asks for it, there is an address and a certificate, and
 * the application listens; a plan that changes opens, moves and closes it. What stands in the way is an event, never the end of the agent:
 * the mesh is served all the same.
 */
import { limits } from "../../shared/limits.ts";
import type { KnownPlan } from "../control/known-plan.ts";
import { Admission } from "../front/admission.ts";
import { type Certificates, watchCertificates } from "../front/certificates.ts";
import { createPublicListener } from "../front/public-listener.ts";
import { TrustedProxies } from "../front/trusted-proxies.ts";
import { type HeldExposure, holdExposure } from "../inbound/expose/held-exposure.ts";
import { JwtVerifier } from "../inbound/expose/jwt-verifier.ts";
import { KeySets } from "../inbound/expose/key-sets.ts";
import { type ExposeOptions, exposeStack } from "../inbound/expose-stack.ts";
import type { Listener } from "../proxy/listener.ts";
import type { Log } from "../telemetry/log.ts";
import { type DrainOptions, drainListener } from "./drain.ts";
import { openListener } from "./open-listener.ts";
import { type HostPort, parseHostPort } from "./ports.ts";

export interface ExposureOptions extends Omit<ExposeOptions, "held" | "verifier"> {
  /** Instead of the document's. */
  readonly address: HostPort | undefined;
  readonly certificates: Certificates | undefined;
  readonly plan: () => KnownPlan;
  readonly log: Log;
  /** Told the port when it opens, undefined when it closes. */
  readonly onPort: (port: number | undefined) => void;
}

export class Exposure {
  readonly #options: ExposureOptions;
  readonly #verifier: JwtVerifier;
  readonly #admission: Admission;
  readonly #stopWatching: () => void;
  #held: HeldExposure | undefined;
  #listener: Listener | undefined;
  /** `HOST:PORT` that it was opened at. */
  #openedAt = "";
  /** Plans come while a listener opens: one after the other. */
  #work: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #said = "";
  #isOver = false;

  constructor(options: ExposureOptions) {
    this.#options = options;
    this.#verifier = new JwtVerifier(
      new KeySets((issuer, reason) => options.log.event("issuer_trouble", `${issuer}: ${reason}`)),
    );
    this.#admission = new Admission({}, (code, count, address) =>
      options.log.line({ time: new Date().toISOString(), kind: "refused", listener: LISTENER, code, count, address }),
    );
    const say = (sentence: string): void => options.log.event("expose_certificate", sentence);
    this.#stopWatching = options.certificates === undefined ? () => {} : watchCertificates(options.certificates, say);
  }

  /** The plan, or what it needs, has changed. @returns when it is in use */
  update(): Promise<void> {
    this.#work = this.#work.then(() => this.#settle());
    return this.#work;
  }

  /** As the inbound listener, with which it shares the gate. */
  async drain(how: Omit<DrainOptions, "listener">): Promise<void> {
    await this.#end();
    if (this.#listener !== undefined) await drainListener({ ...how, listener: this.#listener });
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#listener?.close(0);
  }

  /** Nothing is opened from now on. */
  async #end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#stopWatching();
    await this.#work;
  }

  async #settle(): Promise<void> {
    if (this.#isOver) return;
    clearTimeout(this.#retry);
    try {
      this.#held = await holdExposure(this.#options.plan());
      // Behind proxies every connection is theirs.
      const isBehind = this.#held?.plan.clientIp !== undefined;
      const connectionsPerAddressMax = isBehind ? Number.POSITIVE_INFINITY : limits.front.connectionsPerAddressMax;
      this.#admission.bound({ connectionsPerAddressMax });
      const address = this.#address();
      const at = address === undefined ? "" : `${address.host}:${address.port}`;
      if (at === this.#openedAt) return;
      const before = this.#listener;
      const providers = Object.values(this.#held?.plan.identity ?? {});
      await Promise.all(providers.map((provider) => this.#verifier.prepare(provider)));
      if (address === undefined) this.#opened(undefined, "");
      else this.#opened(await this.#open(address), at);
      if (before !== undefined) void retire(before);
    } catch (error) {
      this.#say((error as Error).message);
      this.#retry = setTimeout(() => void this.update(), limits.expose.reopenMs);
      this.#retry.unref();
    }
  }

  /** Undefined: nothing is asked for, or something is missing, which is said. */
  #address(): HostPort | undefined {
    if (this.#held === undefined) return undefined;
    const { address, certificates } = this.#options;
    const { listen } = this.#held.plan;
    if (certificates === undefined) {
      this.#say("the plan exposes this service, and there is no --expose-cert and --expose-key");
      return undefined;
    }
    if (address === undefined && listen === undefined)
      this.#say("the plan exposes this service, and neither it (`listen`) nor --expose says where");
    return address ?? (listen === undefined ? undefined : parseHostPort(listen));
  }

  async #open(address: HostPort): Promise<Listener> {
    const { certificates, log } = this.#options;
    if (certificates === undefined) throw new Error("there is no certificate");
    const proxies = new TrustedProxies({
      networks: () => this.#held?.proxies ?? [],
      onRefused: ({ code, reason }, proxy) =>
        log.line({ time: new Date().toISOString(), kind: "refused", listener: LISTENER, code, reason, ...proxy }),
    });
    const options = { listen: address, admission: this.#admission, certificates, proxies };
    const listener = await openListener(LISTENER, options, createPublicListener, log);
    listener.onExchange(exposeStack({ ...this.#options, held: () => this.#held, verifier: this.#verifier }));
    return listener;
  }

  #opened(listener: Listener | undefined, at: string): void {
    const before = this.#listener;
    this.#listener = listener;
    this.#openedAt = at;
    this.#options.onPort(listener?.port);
    this.#said = "";
    if (listener !== undefined) this.#options.log.event("expose_open", `open to the outside on port ${listener.port}`);
    else if (before !== undefined) this.#say("the plan shows nothing to the outside any more");
  }

  /** Why it is closed; what stays as it is needs no second line. */
  #say(sentence: string): void {
    if (sentence === this.#said) return;
    this.#said = sentence;
    this.#options.log.event("expose_closed", sentence);
  }
}

/** For people. */
const LISTENER = "public";

/** A listener that another one has replaced, or nobody wants any more: what runs on it is finished. */
async function retire(listener: Listener): Promise<void> {
  listener.drain();
  await listener.close(limits.agent.drainMaxMs);
}
