/**
 * A hub: one of several objects, each with the hibernating WebSockets of some agents. It keeps their leases, gives each the
 * plan's face and what changes of the services that it may call, tells their registries who is up, and notes what each agent
 * acknowledged. All that matters is in storage or in the sockets' attachments; memory holds copies that a wake-up reads again.
 */
import { DurableObject } from "cloudflare:workers";
import { type IRequest, Router } from "itty-router";
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { limits } from "../../../shared/limits.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import { dueAt, type Instance, instanceKey, putSession } from "../../../shared/policy/agent-sessions.ts";
import { type Denied, refuseWorkload } from "../../../shared/policy/denial.ts";
import { advisedOf, type FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import { stepHub } from "../../../shared/policy/hub.ts";
import { heldOf, hubDueAt, reportsOf, servicesOf, unneeded } from "../../../shared/policy/hub-duties.ts";
import type { HubEvent, HubState, HubVerdict } from "../../../shared/policy/hub-state.ts";
import type { RegistryUpdate, Released } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import { type AgentMessage, PING, PONG } from "../../../shared/wire/hub.ts";
import type { Env } from "../env.ts";
import { hubName, hubPlace } from "../upstream/hubs.ts";
import { AgentNews } from "./agent-news.ts";
import { AgentSockets } from "./agent-sockets.ts";
import { CanaryFaceStore } from "./canary-faces.ts";
import { type Connection, connectionSchema, readAttachment } from "./connection.ts";
import { handOver } from "./hand-over.ts";
import { HeldVerdicts, type HubStatus } from "./held-verdicts.ts";
import { BUSY_MS, closeCodes, comeLater, parseMessage, planVerdict, refuseHello } from "./hub-messages.ts";
import { HUB_SETTINGS as SETTINGS } from "./hub-settings.ts";
import { HubStore } from "./hub-store.ts";
import { MissedNews } from "./missed-news.ts";
import { NextAlarm } from "./next-alarm.ts";
import { PublicationStore } from "./publication-store.ts";
import { RegistryLinks } from "./registry-links.ts";
import type {
  CanaryFaces,
  CanaryLaggards,
  HubRpc,
  Laggards,
  Publication,
  RenewedToken,
  Reports,
  Trust,
} from "./rpc.ts";
import { ToldDesk } from "./told-desk.ts";
import { whoLacks } from "./who-lacks.ts";

export class Hub extends DurableObject<Env> implements HubRpc {
  readonly #store: HubStore;
  readonly #publication: PublicationStore;
  readonly #canary: CanaryFaceStore;
  readonly #sockets: AgentSockets;
  readonly #news: AgentNews;
  readonly #missed: MissedNews;
  readonly #state: HubState;
  readonly #links: RegistryLinks;
  readonly #told: ToldDesk;
  readonly #verdicts = new HeldVerdicts();
  /** Place among the hubs; undefined: there are fewer by now. */
  readonly #index: number | undefined;
  readonly #alarm: NextAlarm;
  readonly #router = Router();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    this.#alarm = new NextAlarm(ctx, () => this.#nextDue());
    const nowMs = Date.now();
    this.#store = new HubStore(ctx.storage.sql);
    this.#publication = new PublicationStore(ctx.storage.sql);
    this.#canary = new CanaryFaceStore(ctx.storage.sql);
    this.#sockets = new AgentSockets(ctx);
    this.#news = new AgentNews(ctx, env, this.#sockets, this.#publication, this.#canary);
    this.#missed = new MissedNews(env, this);
    this.#state = this.#store.load(nowMs);
    for (const [service, names] of this.#canary.callable(this.#publication.callable))
      this.#state.callable.set(service, names);
    const { place, inUse } = hubPlace(env, ctx.id);
    this.#index = inUse ? place : undefined;
    this.#links = new RegistryLinks({
      env,
      hub: () => hubName(place),
      state: () => this.#state,
      onEvent: (event) => this.#step(event),
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
    this.#told = new ToldDesk({
      ...{ env, knows: (service: string) => this.#knows(service) },
      limitsOf: (service) => [
        ...(this.#publication.face(service)?.limits ?? []),
        ...(this.#canary.face(service)?.limits ?? []),
      ],
      send: (connection, text) => this.#sockets.send(connection, text),
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
    this.#router.get("/v1/agents/connect", (request) => this.#connect(request));
    this.#findLost();
    this.#step({ type: "woken" });
  }

  override async fetch(request: Request): Promise<Response> {
    return (await this.#router.fetch(request)) ?? new Response(null, { status: 404 });
  }

  async publish(publication: Publication): Promise<void> {
    if (this.#publication.isOld(publication)) return;
    await this.trust(publication.trust);
    this.ctx.storage.transactionSync(() => this.#publication.put(publication));
    for (const known of this.#connected()) {
      const face = this.#publication.face(known.service);
      if (face !== undefined) {
        this.#news.revocations(known);
        this.#sockets.send(known.connection, face.message);
      } else this.#noFace(known.service, known.instance);
    }
    this.#step({ type: "published", callable: this.#canary.callable(this.#publication.callable) });
  }

  async canary(faces: CanaryFaces): Promise<void> {
    if (!this.ctx.storage.transactionSync(() => this.#canary.put(faces))) return;
    for (const known of this.#connected()) {
      this.#news.canary(known);
      if (!this.#knows(known.service)) this.#noFace(known.service, known.instance);
    }
    this.#step({ type: "published", callable: this.#canary.callable(this.#publication.callable) });
  }

  async canaryLaggards(version: number): Promise<CanaryLaggards> {
    if (this.#canary.version !== version) this.ctx.waitUntil(this.#missed.ask());
    return this.#canary.laggards(this.#state, version);
  }

  async revoked(list: RevocationList): Promise<number | undefined> {
    if (!this.#publication.putRevocations(list)) return this.#publication.otherRevocations(list);
    for (const known of this.#connected()) this.#news.revocations(known);
    return undefined;
  }

  async trust(trust: Trust): Promise<void> {
    if (!this.#publication.putTrust(trust)) return;
    if (trust.denied !== undefined) this.#cutDenied(trust.denied);
    for (const known of this.#connected()) this.#news.trust(known);
  }

  async laggards(trustId: string): Promise<Laggards> {
    return whoLacks(this.#state.sessions, trustId);
  }

  async status(): Promise<HubStatus> {
    this.#hearAll();
    const { revision, sessions } = this.#state;
    return { revision, instances: Object.values(sessions.instances), verdicts: this.#verdicts.held(Date.now()) };
  }

  async renewed(service: string, instance: string, certificateNotAfterMs: number, token?: RenewedToken): Promise<void> {
    if (token !== undefined) this.#sockets.goOnBy(instanceKey(service, instance), token);
    this.#step({ type: "renewed", key: instanceKey(service, instance), certificateNotAfterMs });
  }

  async renewAll(id: string, withinMs: number): Promise<void> {
    this.#step({ type: "renew", id, withinMs });
  }

  async drain(key: string): Promise<boolean> {
    this.#step({ type: "drain", key });
    return this.#state.sessions.instances[key]?.connected === true;
  }

  async tapping(text: string): Promise<void> {
    for (const { connection } of this.#connected()) this.#sockets.send(connection, text);
  }

  async judged(service: string, verdict: FleetVerdict): Promise<void> {
    if (this.#verdicts.take(service, verdict, Date.now()))
      this.#step({ type: "advised", service, avoid: advisedOf(verdict), forMs: limits.fleet.verdictForMs });
  }

  async view(service: string, update: RegistryUpdate): Promise<HeldRevision | undefined> {
    this.#step({ type: "view", service, ...update });
    return heldOf(this.#state, service);
  }

  async released(service: string, one: Omit<Released, "hub">): Promise<void> {
    this.#step({ type: "released", service, ...one });
  }

  async reports(service: string): Promise<Reports> {
    const { batch, reports } = reportsOf(this.#state, service, true, Date.now());
    return { batch, reports };
  }

  async adopt(instances: readonly Instance[]): Promise<void> {
    const { sessions } = this.#state;
    for (const known of instances) {
      const key = instanceKey(known.service, known.instance);
      if (sessions.instances[key] !== undefined) continue;
      putSession(sessions, key, { ...known });
      this.#store.putInstance(key, known);
      this.#alarm.by(dueAt(known, SETTINGS));
    }
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const message = parseMessage(data);
    if (message === "unknown") return;
    const connection = readAttachment(socket);
    if (typeof message === "number") socket.close(message, "message is malformed or too long");
    else if (message.type === "hello") this.#hello(socket, connection, message);
    else if (!connection.greeted) socket.close(closeCodes.policy, "the first message must be hello");
    else this.#hear(connection, message);
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    this.#closed(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.#closed(socket);
  }

  override async alarm(): Promise<void> {
    this.#alarm.rang();
    const nowMs = Date.now();
    this.#hearAll();
    this.#sockets.cutOverdue(nowMs);
    const { silent } = this.#step({ type: "tick" });
    for (const connection of silent) this.#sockets.close(connection, closeCodes.silent, "no sign of life");
    if (nowMs >= this.#store.syncedAtMs + limits.control.hubSyncMs) this.#sync(nowMs);
    if (this.#missed.asksAgain) await this.#missed.ask();
    await handOver(this.env, this.#index, this.#state, this.#store, this.#sockets);
    this.#alarm.by(Number.POSITIVE_INFINITY);
  }

  async #connect(request: IRequest): Promise<Response> {
    const opened = connectionSchema.parse(JSON.parse(request.headers.get("selvage-connection") ?? "null"));
    const key = instanceKey(opened.service, opened.instance);
    if (this.#isDenied(opened)) return new Response(null, { status: 403 });
    const busy = this.#sockets.silent >= limits.control.hellosAtOnceMax;
    const { waitMs } = this.#step({ type: "returns", key, busy });
    if (busy || waitMs !== undefined) return comeLater(waitMs ?? BUSY_MS);
    if (!this.#missed.isTold) await this.#missed.ask();
    if (this.#isDenied(opened)) return new Response(null, { status: 403 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#sockets.accept(server, { ...opened, greeted: false });
    this.#alarm.by(Date.now() + limits.control.helloWaitMs);
    return new Response(null, { status: 101, webSocket: client });
  }

  #isDenied(opened: Parameters<typeof refuseWorkload>[1]): boolean {
    const { denied } = this.#publication.trust ?? {};
    return denied !== undefined && refuseWorkload(denied, opened) !== undefined;
  }

  #hello(socket: WebSocket, connection: Connection, hello: Extract<AgentMessage, { type: "hello" }>): void {
    const reason = refuseHello(connection, hello);
    if (reason !== undefined) {
      socket.close(closeCodes.policy, reason);
      return;
    }
    const { service, instance, id } = connection;
    const { endpoint, certificateNotAfterMs, outage, views } = hello;
    const face = this.#publication.face(service);
    const live = { version: this.#publication.version, hash: face?.hash };
    const planVersion = versionHere({ version: hello.planVersion, hash: hello.planHash }, live);
    const isCurrent = planVersion === live.version;
    const isLater = hello.planVersion > live.version;
    // Of another bundle it says so itself, once it is in use.
    const trusts = hello.trusts === this.#publication.trust?.id ? hello.trusts : undefined;
    const says = { service, instance, connection: id, endpoint, planVersion, certificateNotAfterMs, outage, trusts };
    const holds = { live: isCurrent || isLater, canary: hello.canary !== undefined, trust: trusts !== undefined };
    const before = (): void => {
      this.#sockets.greeted(socket, connection);
      this.#news.greet({ service, connection: id }, holds);
    };
    const { full } = this.#step({ type: "hello", ...says, takesChanges: views !== undefined, views }, before);
    if (full === true) socket.close(closeCodes.full, "the hub is full");
    else if (!this.#knows(service)) this.#noFace(service, instance);
    if (isLater) this.ctx.waitUntil(this.#askForLater(service, id, hello.planVersion));
  }

  /** By the live plan or the canary. */
  #knows(service: string): boolean {
    return this.#publication.face(service) !== undefined || this.#canary.face(service) !== undefined;
  }

  /** The live plan does not know the service any more: it keeps what it has, and the status says why it is not current. */
  #noFace(service: string, instance: string): void {
    const reason = "the live document names no such service";
    const version = this.#publication.version;
    if (version > 0) this.#step({ type: "refused", key: instanceKey(service, instance), version, reason });
  }

  #hear(connection: Connection, message: Exclude<AgentMessage, { type: "hello" }>): void {
    const key = instanceKey(connection.service, connection.instance);
    if (this.#state.sessions.instances[key]?.connection !== connection.id) return;
    switch (message.type) {
      case "canary":
      case "trusts":
        this.#step({ ...message, key });
        break;
      case "ack":
      case "refuse":
        if (message.version <= this.#publication.version) this.#step(planVerdict(key, message));
        break;
      case "observed":
        this.#links.observed(connection.service, key, message.services);
        break;
      case "limits":
      case "edges":
        this.#told.hear(connection, message);
        break;
      default:
        this.#step({ ...message, key, connection: connection.id });
    }
  }

  #closed(socket: WebSocket): void {
    const connection = readAttachment(socket);
    this.#sockets.gone(connection);
    const { service, instance, id, greeted } = connection;
    if (greeted) this.#step({ type: "closed", key: instanceKey(service, instance), connection: id });
  }

  /** One event: decided, stored, sent to whom it concerns. @param before is done between storing and sending */
  #step(event: HubEvent, before?: () => void): HubVerdict {
    const verdict = stepHub(this.#state, event, Date.now(), SETTINGS);
    this.#store.save(this.#state, verdict);
    if (verdict.full !== true) before?.();
    for (const { to, message } of verdict.sends) {
      const text = JSON.stringify(message);
      for (const connection of to) this.#sockets.send(connection, text);
    }
    this.#links.run(verdict.gaps);
    for (const key of verdict.touched) {
      const known = this.#state.sessions.instances[key];
      if (known !== undefined) this.#alarm.by(dueAt(known, SETTINGS));
    }
    if (this.#links.owes) this.#alarm.by(Date.now() + limits.control.owedRetryMs);
    return verdict;
  }

  /** An agent has a later version than this hub: that was not told of it, or the store that made it was lost. */
  async #askForLater(service: string, connection: string, version: number): Promise<void> {
    await this.#missed.askAnew();
    const face = this.#publication.face(service);
    if (this.#missed.isTold && face !== undefined && this.#publication.version < version)
      this.#sockets.send(connection, face.message);
  }

  #sync(nowMs: number): void {
    this.#store.syncedAtMs = nowMs;
    for (const service of unneeded(this.#state)) this.#links.leave(service);
    for (const service of servicesOf(this.#state)) this.#links.sync(service);
  }

  #connected(): Instance[] {
    return Object.values(this.#state.sessions.instances).filter(({ connected }) => connected);
  }

  /** Who is denied leaves at once: its endpoint is withdrawn, and nobody waits for it. */
  #cutDenied(denied: Denied): void {
    for (const [socket, { service, instance, id, greeted }] of this.#sockets.denied(denied)) {
      if (greeted) this.#step({ type: "draining", key: instanceKey(service, instance), connection: id });
      this.#closed(socket);
      socket.close(closeCodes.denied, "revoked");
    }
  }

  /** Pings are answered without waking the hub; their times are taken over when somebody asks. */
  #hearAll(): void {
    const nowMs = Date.now();
    for (const { service, instance, connection } of this.#connected()) {
      const atMs = this.#sockets.pingedAtMs(connection);
      stepHub(this.#state, { type: "heard", key: instanceKey(service, instance), atMs }, nowMs, SETTINGS);
    }
  }

  /**
   * Connections that have no socket went with the process: their endpoints stay for a whole lease. One whose close is what
   * wakes the hub is missing too; its close event follows and shortens that to the grace.
   */
  #findLost(): void {
    for (const known of this.#connected())
      if (!this.#sockets.has(known.connection))
        this.#step({ type: "lost", key: instanceKey(known.service, known.instance) });
  }

  /** When the first instance, socket or registry needs a look. */
  #nextDue(): number {
    const { owedRetryMs, hubSyncMs } = limits.control;
    const isUsed = servicesOf(this.#state).size > 0;
    return Math.min(
      hubDueAt(this.#state, SETTINGS),
      this.#sockets.dueAtMs(),
      this.#links.owes ? Date.now() + owedRetryMs : Number.POSITIVE_INFINITY,
      isUsed ? Math.max(this.#store.syncedAtMs + hubSyncMs, Date.now() + owedRetryMs) : Number.POSITIVE_INFINITY,
    );
  }
}
