/**
 * The hub: one hibernating WebSocket an agent. It keeps the registry, gives each agent the plan's face and the endpoints
 * of the services that it may call, and notes what each acknowledged. All that matters is in storage or in the sockets'
 * attachments; memory holds copies that a wake-up reads again.
 */
import { DurableObject } from "cloudflare:workers";
import { type IRequest, Router } from "itty-router";
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import {
  canaryLaggardsOf,
  dueAt,
  endpointView,
  type Instance,
  instanceKey,
  laggardsOf,
  type RegistryEvent,
  type RegistrySettings,
  type RegistryState,
  type RegistryVerdict,
  stepRegistry,
} from "../../../shared/policy/registry.ts";
import { type AgentMessage, PING, PONG } from "../../../shared/wire/hub.ts";
import { makeSealer } from "../authority/seal.ts";
import type { Env } from "../env.ts";
import { CanaryFaceStore, NO_CANARY } from "./canary-faces.ts";
import { type Connection, connectionSchema, readAttachment } from "./connection.ts";
import { closeCodes, parseMessage, trustMessage } from "./hub-messages.ts";
import { InstanceStore } from "./instance-store.ts";
import { sealName } from "./key-ring-store.ts";
import { PublicationStore } from "./publication-store.ts";
import type { CanaryFaces, CanaryLaggards, HubRpc, Laggards, Publication, Trust } from "./rpc.ts";

const SETTINGS: RegistrySettings = {
  leaseMs: limits.control.endpointLeaseMs,
  graceMs: limits.control.reconnectGraceMs,
  forgetAfterMs: limits.control.forgetAfterMs,
  instancesMax: limits.control.instancesMax,
};

export class Hub extends DurableObject<Env> implements HubRpc {
  readonly #instances: InstanceStore;
  readonly #publication: PublicationStore;
  readonly #canary: CanaryFaceStore;
  readonly #registry: RegistryState;
  /** When the alarm is set for; undefined: not known since the object woke up or the alarm went off. */
  #alarmAtMs: number | undefined;
  readonly #router = Router();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    this.#instances = new InstanceStore(ctx.storage.sql);
    this.#publication = new PublicationStore(ctx.storage.sql);
    this.#canary = new CanaryFaceStore(ctx.storage.sql);
    this.#registry = this.#instances.load();
    this.#router.get("/v1/agents/connect", (request) => this.#connect(request));
    this.#findLost();
  }

  override async fetch(request: Request): Promise<Response> {
    return (await this.#router.fetch(request)) ?? new Response(null, { status: 404 });
  }

  async publish(publication: Publication): Promise<void> {
    if (this.#publication.isOld(publication)) return;
    await this.trust(publication.trust);
    this.ctx.storage.transactionSync(() => {
      this.#publication.put(publication);
      this.#step({ type: "published" });
      this.#instances.saveRevision(this.#registry);
    });
    const views = new Map<string, string>();
    for (const [socket, { service, instance }] of this.#greeted()) {
      const face = this.#publication.face(service);
      if (face === undefined) {
        this.#noFace(service, instance);
        continue;
      }
      this.#sendRevocations(socket, service);
      this.#send(socket, face.message);
      this.#send(socket, this.#view(service, face.outbound, views));
    }
  }

  async canary(faces: CanaryFaces): Promise<void> {
    this.ctx.storage.transactionSync(() => this.#canary.put(faces));
    const views = new Map<string, string>();
    for (const [socket, { service }] of this.#greeted()) {
      this.#send(socket, this.#canary.face(service)?.message ?? NO_CANARY);
      const face = this.#publication.face(service);
      if (face !== undefined) this.#send(socket, this.#view(service, face.outbound, views));
    }
  }

  async canaryLaggards(version: number): Promise<CanaryLaggards> {
    const found = canaryLaggardsOf(this.#registry, version, (service) => this.#canary.face(service) !== undefined);
    const nameOf = ({ service, instance }: Instance): string => `agent ${instance} of ${service}`;
    const refusing = found.find(({ canary }) => canary?.version === version);
    const refused = refusing && { who: nameOf(refusing), reason: refusing.canary?.refused ?? "" };
    const named = found.slice(0, limits.canary.namedMax).map(nameOf);
    return { count: found.length, named, ...(refused && { refused }) };
  }

  async revoked(list: RevocationList): Promise<number | undefined> {
    if (!this.#publication.putRevocations(list)) return this.#publication.otherRevocations(list);
    for (const [socket, { service }] of this.#greeted()) this.#sendRevocations(socket, service);
    return undefined;
  }

  async trust(trust: Trust): Promise<void> {
    if (!this.#publication.putTrust(trust)) return;
    for (const [socket, { service }] of this.#greeted()) this.#sendTrust(socket, service);
  }

  async laggards(trustId: string): Promise<Laggards> {
    const found = laggardsOf(this.#registry, trustId);
    const ingresses = found.filter(({ service }) => service === GATEWAY_SERVICE);
    // A hop key waits for these alone: they must be among the names however many others there are.
    const named = [...ingresses, ...found.filter(({ service }) => service !== GATEWAY_SERVICE)];
    return {
      agents: found.length,
      ingresses: ingresses.length,
      named: named
        .slice(0, limits.keyRotation.namedMax)
        .map(({ service, instance, connected }) => ({ service, instance, connected })),
    };
  }

  async status(): Promise<{ revision: number; instances: readonly Instance[] }> {
    this.#hearAll();
    return { revision: this.#registry.revision, instances: Object.values(this.#registry.instances) };
  }

  async renewed(service: string, instance: string, certificateNotAfterMs: number): Promise<void> {
    this.#step({ type: "renewed", key: instanceKey(service, instance), certificateNotAfterMs });
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
    this.#alarmAtMs = undefined;
    this.#hearAll();
    this.#cutOverdue();
    const { silent } = this.#step({ type: "tick" });
    for (const [socket, connection] of this.#greeted())
      if (silent.includes(connection.id)) socket.close(closeCodes.silent, "no sign of life");
    this.#schedule(Number.POSITIVE_INFINITY);
  }

  #connect(request: IRequest): Response {
    const connection = connectionSchema.parse(JSON.parse(request.headers.get("selvage-connection") ?? "null"));
    const key = instanceKey(connection.service, connection.instance);
    for (const waiting of this.ctx.getWebSockets(key))
      if (!readAttachment(waiting).greeted) waiting.close(closeCodes.replaced, "replaced by a newer connection");
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [key]);
    server.serializeAttachment({ ...connection, greeted: false } satisfies Connection);
    this.#schedule(Date.now() + limits.control.helloWaitMs);
    return new Response(null, { status: 101, webSocket: client });
  }

  #hello(socket: WebSocket, connection: Connection, hello: Extract<AgentMessage, { type: "hello" }>): void {
    const reason = refuseHello(connection, hello);
    if (reason !== undefined) {
      socket.close(closeCodes.policy, reason);
      return;
    }
    const { service, instance, id } = connection;
    const { endpoint, certificateNotAfterMs } = hello;
    const face = this.#publication.face(service);
    const live = { version: this.#publication.version, hash: face?.hash };
    const planVersion = versionHere({ version: hello.planVersion, hash: hello.planHash }, live);
    const verdict = this.#step({
      type: "hello",
      service,
      instance,
      connection: id,
      endpoint,
      planVersion,
      certificateNotAfterMs,
    });
    if (verdict.full === true) {
      socket.close(closeCodes.full, "the registry is full");
      return;
    }
    socket.serializeAttachment({ ...connection, greeted: true } satisfies Connection);
    for (const other of this.ctx.getWebSockets(instanceKey(service, instance)))
      if (readAttachment(other).id !== id) other.close(closeCodes.replaced, "replaced by a newer connection");
    this.#sendTrust(socket, service);
    this.#sendRevocations(socket, service);
    if (face !== undefined && planVersion !== live.version) this.#send(socket, face.message);
    const canary = this.#canary.face(service);
    if (canary !== undefined && face === undefined) this.#send(socket, canary.asPlan);
    if (canary !== undefined || hello.canary !== undefined) this.#send(socket, canary?.message ?? NO_CANARY);
    if (face !== undefined || canary !== undefined)
      this.#send(socket, this.#view(service, face?.outbound ?? [], new Map()));
    else this.#noFace(service, instance);
  }

  /** The live plan does not know the service any more: it keeps what it has, and the status says why it is not current. */
  #noFace(service: string, instance: string): void {
    const reason = "the live document names no such service";
    const version = this.#publication.version;
    if (version > 0) this.#step({ type: "refused", key: instanceKey(service, instance), version, reason });
  }

  #hear(connection: Connection, message: Exclude<AgentMessage, { type: "hello" }>): void {
    const key = instanceKey(connection.service, connection.instance);
    if (this.#registry.instances[key]?.connection !== connection.id) return;
    switch (message.type) {
      case "ready":
      case "draining":
        this.#step({ type: message.type, key, connection: connection.id });
        break;
      case "canary":
        this.#step({ type: "canary", key, version: message.version, refused: message.refused });
        break;
      case "trusts":
        this.#step({ type: "trusts", key, id: message.id });
        break;
      case "ack":
        if (message.version <= this.#publication.version)
          this.#step({ type: "acknowledged", key, version: message.version });
        break;
      case "refuse":
        if (message.version <= this.#publication.version)
          this.#step({ type: "refused", key, version: message.version, reason: message.reason });
        break;
    }
  }

  #closed(socket: WebSocket): void {
    const { service, instance, id, greeted } = readAttachment(socket);
    if (greeted) this.#step({ type: "closed", key: instanceKey(service, instance), connection: id });
  }

  /** One event through the registry: decided, stored, pushed to whom it concerns. */
  #step(event: RegistryEvent): RegistryVerdict {
    const verdict = stepRegistry(this.#registry, event, Date.now(), SETTINGS);
    this.#instances.save(this.#registry, verdict);
    if (verdict.services.length > 0) this.#push(new Set(verdict.services));
    for (const key of verdict.touched) {
      const known = this.#registry.instances[key];
      if (known !== undefined) this.#schedule(dueAt(known, SETTINGS));
    }
    return verdict;
  }

  /** Sends the endpoints to every agent that may call one of the services. */
  #push(services: ReadonlySet<string>): void {
    const views = new Map<string, string>();
    for (const [socket, { service }] of this.#greeted()) {
      const face = this.#publication.face(service);
      const callable = this.#canary.callable(service, face?.outbound ?? []);
      if (callable.some((name) => services.has(name))) this.#send(socket, this.#view(service, callable, views));
    }
  }

  /** @param made messages of this push; agents of one service get the same */
  #view(service: string, stable: readonly string[], made: Map<string, string>): string {
    const known = made.get(service);
    if (known !== undefined) return known;
    const { revision } = this.#registry;
    const outbound = this.#canary.callable(service, stable);
    const message = JSON.stringify({
      type: "endpoints",
      revision,
      services: endpointView(this.#registry, outbound),
    });
    made.set(service, message);
    return message;
  }

  #sendRevocations(socket: WebSocket, service: string): void {
    if (this.#publication.face(service)?.isExposed === true) this.#send(socket, this.#publication.revocations);
  }

  /** Ingress agents get the hop keys with it, opened for the message alone. */
  #sendTrust(socket: WebSocket, service: string): void {
    const { trust } = this.#publication;
    if (trust === undefined) this.#send(socket, JSON.stringify({ type: "trust", roots: [], txnKeys: [] }));
    else if (service !== GATEWAY_SERVICE) this.#send(socket, trustMessage(trust));
    else this.ctx.waitUntil(this.#sendHopKeys(socket, trust));
  }

  async #sendHopKeys(socket: WebSocket, trust: Trust): Promise<void> {
    try {
      const sealer = await makeSealer(this.env.KEY_SECRET);
      const opened = trust.hopKeys.map(async ({ kid, sealed }) => {
        return { kid, key: new TextDecoder().decode(await sealer.open(sealName("hop", kid), sealed)) };
      });
      const message = trustMessage(trust, await Promise.all(opened));
      // A newer one that came meanwhile is sent by itself.
      if (this.#publication.trust?.id === trust.id) this.#send(socket, message);
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "send-hop-keys", reason: String(error) }));
    }
  }

  /** A socket that is closing throws; its close event says so anyway. */
  #send(socket: WebSocket, message: string): void {
    try {
      socket.send(message);
    } catch (error) {
      console.warn(JSON.stringify({ kind: "error", act: "push", reason: String(error) }));
    }
  }

  *#greeted(): Generator<[WebSocket, Connection]> {
    for (const socket of this.#open()) {
      const connection = readAttachment(socket);
      if (connection.greeted) yield [socket, connection];
    }
  }

  /** Without those that are closing: the platform lists them until the other end has agreed. */
  #open(): WebSocket[] {
    return this.ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
  }

  /** Pings are answered without waking the hub; their times are taken over when somebody asks. */
  #hearAll(): void {
    for (const [socket, { service, instance }] of this.#greeted()) {
      const at = this.ctx.getWebSocketAutoResponseTimestamp(socket);
      const event = { type: "heard", key: instanceKey(service, instance), atMs: at?.getTime() ?? 0 } as const;
      stepRegistry(this.#registry, event, Date.now(), SETTINGS);
    }
  }

  /** Closes connections without a hello and those whose token has ended: the agent has a newer one by then. */
  #cutOverdue(): void {
    const nowMs = Date.now();
    for (const socket of this.#open()) {
      const { greeted, openedAtMs, expiresAtMs } = readAttachment(socket);
      if (nowMs >= expiresAtMs) socket.close(closeCodes.tokenExpired, "the token has expired");
      else if (!greeted && nowMs >= openedAtMs + limits.control.helloWaitMs)
        socket.close(closeCodes.policy, "no hello in time");
    }
  }

  /**
   * Connections of the registry that have no socket went with the process: their endpoints stay for a whole lease. One
   * whose close is what wakes the hub is missing too; its close event follows and shortens that to the grace.
   */
  #findLost(): void {
    const open = new Set(this.ctx.getWebSockets().map((socket) => readAttachment(socket).id));
    for (const [key, { connected, connection }] of Object.entries(this.#registry.instances))
      if (connected && !open.has(connection)) this.#step({ type: "lost", key });
  }

  /** Sees to it that the alarm goes off at `atMs` or before. */
  #schedule(atMs: number): void {
    const next = this.#alarmAtMs === undefined ? Math.min(atMs, this.#nextDue()) : atMs;
    if (next >= (this.#alarmAtMs ?? Number.POSITIVE_INFINITY)) return;
    this.#alarmAtMs = next;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(next));
  }

  /** When the first instance or socket needs a look. */
  #nextDue(): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const known of Object.values(this.#registry.instances)) atMs = Math.min(atMs, dueAt(known, SETTINGS));
    for (const socket of this.#open()) {
      const { greeted, openedAtMs, expiresAtMs } = readAttachment(socket);
      atMs = Math.min(atMs, expiresAtMs, greeted ? expiresAtMs : openedAtMs + limits.control.helloWaitMs);
    }
    return atMs;
  }
}

function refuseHello(connection: Connection, hello: Extract<AgentMessage, { type: "hello" }>): string | undefined {
  if (connection.greeted) return "hello was said before";
  if (hello.instance !== connection.instance) return "instance is not the token's";
  if (hello.endpoint === undefined) return undefined;
  if (hello.endpoint.instance !== connection.instance) return "endpoint is not this instance's";
  const labels = Object.entries(hello.endpoint.labels).flat();
  const { labelsMax, labelBytesMax } = limits.control;
  if (labels.length > labelsMax * 2) return "too many labels";
  return labels.some((text) => text.length > labelBytesMax) ? "a label is too long" : undefined;
}
