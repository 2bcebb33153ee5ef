/** The agent's side of the control plane while it runs: the hub, the view that it tells, and renewals. */

import { X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { limits } from "../../shared/limits.ts";
import type { CallerReport } from "../../shared/policy/caller-view.ts";
import type { GoodUntil } from "../../shared/policy/outage-budget.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import { type AgentMessage, type HubMessage, WIRE_FORMAT } from "../../shared/wire/hub.ts";
import type { FleetLink } from "../discovery/fleet-link.ts";
import type { AgentTaps } from "../telemetry/agent-taps.ts";
import type { EdgeCounts } from "../telemetry/edge-counts.ts";
import type { Log } from "../telemetry/log.ts";
import { type AgentIdentity, certificateFacts, fingerprintOf, isFrom, leadsTo } from "../tls/identity.ts";
import { HubClient } from "./hub-client.ts";
import type { Changed, KnownView } from "./known-view.ts";
import type { LimitLink } from "./limit-link.ts";
import { reissue, type WaysBack } from "./reissue.ts";
import { Renewal } from "./renewal.ts";
import { standingOf } from "./standing.ts";
import type { ToldCondition } from "./told-condition.ts";

/** Asks for what it needs of limits, and gives back what it does not need. */
export interface SharedLimits {
  readonly link: LimitLink;
  usePlans(): void;
  stop(): void;
}

export interface ControlSessionOptions {
  readonly identity: AgentIdentity;
  /** By what it proves itself when its token has ended. */
  readonly ways: WaysBack;
  readonly view: KnownView;
  /** Where others reach this agent; undefined for one that only calls. */
  readonly endpoint: () => Endpoint | undefined;
  /** Takes what changed into use; what it throws refuses a plan. */
  readonly onChanged: (changed: Changed) => void;
  /** Nobody tells of a second plan while it is not connected. */
  readonly onConnection?: (connected: boolean) => void;
  /** It is to leave, as at SIGTERM. */
  readonly onDrain: () => void;
  readonly onIdentity: (identity: AgentIdentity) => void;
  readonly fleet: FleetLink;
  /** Limits that all instances of the service share. */
  readonly limits: SharedLimits;
  readonly taps: AgentTaps;
  readonly edges: EdgeCounts;
  readonly condition: ToldCondition;
  readonly log: Log;
}

export class ControlSession {
  identity: AgentIdentity;
  readonly #options: ControlSessionOptions;
  readonly #hub: HubClient;
  readonly #renewal: Renewal;
  #phase: "starting" | "ready" | "draining" = "starting";
  /** Callers know that this agent leaves, or had the time to. */
  isDrained = false;
  /** The control plane is one that says so, as far as is known: an earlier one told whole views. */
  saysDrained = true;
  #wasConnected: boolean | undefined;
  #settling: NodeJS.Timeout | undefined;
  #refusedToken: string | undefined;
  /** The last trust bundle of this run. */
  #wanted: Extract<HubMessage, { type: "trust" }> | undefined;
  /** Id of the last one that it has said to use. */
  #trusted: string | undefined;
  #lostMs: number | undefined;
  /** Renewals that it was told to do: the last one, and the last one that it did. */
  readonly #told: { asked?: string; done?: string } = {};

  constructor(options: ControlSessionOptions) {
    this.identity = options.identity;
    this.#options = options;
    const { random } = Math;
    this.#hub = new HubClient({
      controlUrl: options.identity.controlUrl,
      token: () => this.identity.token,
      greeting: () => this.#greeting(),
      onMessage: (message) => this.#take(message),
      onRefused: () => this.#refused(),
      onConnected: (connected, reason) => this.#connection(connected, reason),
      random,
    });
    this.#renewal = new Renewal({
      identity: () => this.identity,
      reissue: () => reissue(this.identity, options.ways, (fingerprint) => this.#isKnownRoot(fingerprint), options.log),
      onRenewed: (identity) => this.#renewed(identity),
      onTrouble: (reason) => {
        const what = this.#isOutside ? "the SVID is not accepted yet" : "the certificate is not renewed yet";
        options.log.event("renewal_failed", `${what}: ${reason}`);
      },
      random,
    });
  }

  get connected(): boolean {
    return this.#hub.connected;
  }

  /** When the last connection of this run ended, milliseconds since the epoch. */
  get lostMs(): number | undefined {
    return this.#lostMs;
  }

  /** How long it goes on without the control plane. */
  get standing(): GoodUntil {
    const { view, ways } = this.#options;
    if (this.#isOutside) return { atMs: certificateFacts(this.identity.certificates).notAfterMs, by: "outside" };
    const needsToken = ways.key === undefined && ways.platform === undefined;
    return standingOf(this.identity, view.trust?.roots ?? this.identity.roots, needsToken);
  }

  /** Its certificate comes from an outside issuer, and not from the control plane. */
  get #isOutside(): boolean {
    return this.#options.ways.svid !== undefined;
  }

  /** What came from there is in use at once; another certificate is then shown to the control plane. */
  #followIssuer(): void {
    const now = this.#options.ways.svid?.renewed(this.identity);
    if (now === undefined) return;
    const isShown = isDeepStrictEqual(now.certificates, this.identity.certificates);
    this.identity = now;
    this.#options.onIdentity(now);
    if (!isShown) this.#renewal.hurry();
  }

  /** How calls went. */
  observed(services: CallerReport[]): void {
    this.#hub.send({ type: "observed", services });
  }

  /** @returns false: not connected, nobody hears it */
  tell(message: AgentMessage): boolean {
    return this.#hub.send(message);
  }

  start(): void {
    const { svid } = this.#options.ways;
    if (svid !== undefined) svid.onChanged = () => this.#followIssuer();
    this.#followIssuer();
    this.#hub.start();
    this.#options.fleet.start(this, Math.random());
    this.#options.limits.link.start(this);
    this.#options.edges.start(this);
    this.#options.condition.start(this);
    this.#renewal.start();
  }

  /** The application can be called, or no longer; said again on each new connection. */
  setPhase(phase: "ready" | "draining"): void {
    this.#phase = phase;
    this.isDrained = false;
    this.#hub.send({ type: phase });
  }

  /** The endpoint has changed: greets anew. */
  reconnect(): void {
    this.#hub.reconnect();
  }

  stop(): void {
    clearTimeout(this.#settling);
    this.#renewal.stop();
    this.#options.ways.svid?.stop();
    this.#options.fleet.stop();
    this.#options.limits.stop();
    this.#options.taps.stop();
    this.#options.edges.stop();
    this.#options.condition.stop();
    this.#hub.stop();
  }

  #greeting(): AgentMessage[] {
    const { view } = this.#options;
    const endpoint = this.#options.endpoint();
    view.connected();
    this.#options.fleet.connected();
    this.#settleLater();
    const hello: AgentMessage = {
      type: "hello",
      format: WIRE_FORMAT,
      instance: this.identity.instance,
      ...(endpoint !== undefined && { endpoint }),
      planVersion: view.plan?.version ?? 0,
      ...(view.plan !== undefined && { planHash: view.plan.hash }),
      ...(view.second.plan !== undefined && { canary: view.second.plan.version }),
      certificateNotAfterMs: certificateFacts(this.identity.certificates).notAfterMs,
      outage: this.standing,
      ...(this.#trusted !== undefined && { trusts: this.#trusted }),
      views: view.held,
    };
    return this.#phase === "starting" ? [hello] : [hello, { type: this.#phase }];
  }

  #take(message: HubMessage): void {
    const { view, onChanged, log } = this.#options;
    if (message.type === "renew") {
      this.#renew(message.id, message.withinMs);
      return;
    }
    if (message.type === "drain") {
      log.event("told_to_drain", "the control plane asks this agent to leave");
      this.#options.onDrain();
      return;
    }
    if (message.type === "advice") {
      this.#options.fleet.advised(message.service, message.avoid, message.forMs);
      return;
    }
    if (message.type === "limited") {
      this.#options.limits.link.answered(message.answers);
      return;
    }
    if (message.type === "edges") {
      this.#options.edges.heard(message.seq);
      return;
    }
    if (message.type === "taps") {
      this.#options.taps.tell(message.taps, () => this.identity);
      return;
    }
    try {
      const wasSettling = view.isSettling;
      const changed = view.take(message);
      if (changed !== undefined) onChanged(changed);
      if (changed === "plan") this.#options.limits.usePlans();
      if (changed === "plan") this.#options.condition.look();
      if (view.isSettling && !wasSettling) this.#settleLater();
      this.#answer();
      if (message.type === "changes" || message.type === "endpoints") this.saysDrained = message.type === "changes";
      if (message.type === "drained" && this.#phase === "draining") this.isDrained = true;
      if (message.type === "plan") this.#hub.send({ type: "ack", version: message.version });
      if (message.type === "canary") this.#hub.send({ type: "canary", version: message.version });
      if (message.type === "trust") this.#trusts(message);
    } catch (error) {
      const reason = (error as Error).message;
      log.event("refused", `a ${message.type} of the control plane is refused: ${reason}`);
      const told = reason.slice(0, limits.wire.refusalCharsMax);
      if (message.type === "plan") this.#hub.send({ type: "refuse", version: message.version, reason: told });
      if (message.type === "canary") this.#hub.send({ type: "canary", version: message.version, refused: told });
    }
  }

  /** What was done already is said again: it may not have been heard. */
  #renew(id: string, withinMs: number): void {
    const { asked, done } = this.#told;
    if (id === done) this.#sayStanding();
    if (id === asked) return;
    this.#told.asked = id;
    this.#renewal.hurry(withinMs);
  }

  #sayStanding(): void {
    const { done: renewal } = this.#told;
    this.#hub.send({ type: "standing", outage: this.standing, ...(renewal !== undefined && { renewal }) });
  }

  #settleLater(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), limits.agent.viewSettleMs);
  }

  #trusts(message: Extract<HubMessage, { type: "trust" }>): void {
    this.#wanted = message;
    this.#trusted = undefined;
    // Another authority took over: nobody believes this agent until it has a certificate of that one.
    if (!this.#isOutside && !leadsTo(this.identity.certificates, message.roots)) this.#renewal.hurry();
    this.#confirm(message.renewWithinMs);
  }

  /** The bundle is in use, which is said once the own certificate is as it wants it. @param withinMs to get another one */
  #confirm(withinMs?: number): void {
    const { id, issuer } = this.#wanted ?? {};
    const isWanted = this.#isOutside || issuer === undefined || isFrom(this.identity.certificates, issuer);
    if (!isWanted) this.#renewal.hurry(withinMs);
    else if (id !== undefined) {
      this.#trusted = id;
      this.#hub.send({ type: "trusts", id });
    }
  }

  #settle(): void {
    const { view, onChanged } = this.#options;
    if (view.settle()) onChanged("endpoints");
    this.#answer();
  }

  /** What left is in no use any more, by what was done just before. */
  #answer(): void {
    const { answers } = this.#options.view;
    for (const type of ["seen", "resync"] as const)
      if (answers[type].length > 0) this.#hub.send({ type, views: [...answers[type]] });
  }

  #connection(connected: boolean, reason: string | undefined): void {
    const { log, identity } = this.#options;
    if (connected) {
      this.#renewal.nudge();
      this.#options.condition.connected();
    } else {
      this.#renewal.notice();
      if (this.#wasConnected === true) this.#lostMs = Date.now();
    }
    this.#options.limits.link.connection(connected);
    this.#options.onConnection?.(connected);
    if (this.#wasConnected === connected) return;
    this.#wasConnected = connected;
    if (connected) log.event("control_connected", `connected to ${identity.controlUrl}`);
    else log.event("control_lost", `the control plane is away, going on without it: ${reason}`);
  }

  /** Once for each token: the answer is another one, or that there is none. */
  #refused(): void {
    if (this.#refusedToken === this.identity.token) return;
    this.#refusedToken = this.identity.token;
    this.#renewal.hurry();
  }

  #isKnownRoot(fingerprint: string): boolean {
    const roots = [...this.identity.roots, ...(this.#options.view.trust?.roots ?? [])];
    return roots.some((root) => fingerprintOf(new X509Certificate(root)) === fingerprint);
  }

  #renewed(identity: AgentIdentity): void {
    this.identity = identity;
    this.#options.onIdentity(identity);
    const { notAfterMs } = certificateFacts(identity.certificates);
    if (this.#told.asked !== undefined) this.#told.done = this.#told.asked;
    this.#sayStanding();
    const end = new Date(notAfterMs).toISOString();
    if (!this.#isOutside) this.#options.log.event("renewed", `the certificate is renewed until ${end}`);
    this.#confirm(limits.authority.renewAgainMs);
  }
}
