/** An agent under the virtual clock: its session with the hub, what it knows and keeps on disk, how it starts and leaves. */
import { backoffMs } from "../../../mesh-agent/control/backoff.ts";
import { limits } from "../../../shared/limits.ts";
import type { ViewEndpoint } from "../../../shared/policy/endpoint.ts";
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import { AgentKnowledge } from "./agent-knowledge.ts";
import { AgentRenewal } from "./agent-renewal.ts";
import { AgentSocket } from "./agent-socket.ts";
import type { HubSays, Leaf, Proof, Trust } from "./messages.ts";
import type { AgentNode, AgentPhase, World } from "./nodes.ts";
import { VirtualNode } from "./virtual-node.ts";

const { control, agent: bounds } = limits;

export class AgentHost extends VirtualNode<World> implements AgentNode {
  readonly service: string;
  readonly instance: string;
  /** On its disk. */
  leaf: Leaf | undefined;
  readonly known: AgentKnowledge;
  phase: AgentPhase = "gone";
  /** Its listener takes requests. */
  accepting = false;
  isDrained = false;
  saysDrained = true;
  drainBeganMs = 0;
  port = 0;
  socket: AgentSocket | undefined;
  /** Since when its socket is there, time of the world; undefined: it is not. */
  openSinceMs: number | undefined;
  #renewal = new AgentRenewal(this);
  #failures = 0;
  #heardAtMs = 0;
  #settling = 0;
  #startedAtMs = 0;
  #wanted: Trust | undefined;
  /** Id of the last bundle that it has said to use. */
  #trusted: string | undefined;

  constructor(world: World, service: string, instance: string) {
    super(world, `${service}/${instance}`);
    this.service = service;
    this.instance = instance;
    this.known = new AgentKnowledge(world.steps, (text) => this.say(text));
  }

  get endpoint(): ViewEndpoint {
    return { instance: this.instance, host: "10.0.0.1", port: this.port, labels: {} };
  }

  get isAlive(): boolean {
    return this.phase !== "gone";
  }

  /** With the identity on its disk. */
  start(): void {
    this.say(() => "starts");
    this.life++;
    this.phase = "starting";
    this.isDrained = false;
    this.#wanted = this.#trusted = undefined;
    this.#failures = 0;
    this.port = 10_000 + (this.world.draw() % 3);
    this.#renewal = new AgentRenewal(this);
    this.#startedAtMs = this.world.events.nowMs;
    this.known.load();
    this.#connect();
    this.#renewal.start();
    this.#awaitView();
  }

  /** For the first time, or again with another token. */
  join(proof: Extract<Proof, { kind: "token" }>): void {
    this.life++;
    this.phase = "joining";
    const { network, authority } = this.world;
    network.call<{ leaf: Leaf | undefined }>({
      ...{ from: this, to: authority, act: "join" },
      handle: (reply) => authority.issue(this.instance, proof, (leaf) => reply({ leaf })),
      onEnd: (answer) => {
        this.phase = "gone";
        if (answer?.leaf === undefined) return;
        this.leaf = answer.leaf;
        this.known.forget();
        this.start();
      },
    });
  }

  /** The process is gone. @param withGoodbye its system closes its sockets */
  kill(withGoodbye: boolean): void {
    this.say(() => "is killed");
    this.frozenUntilMs = 0;
    this.#end(withGoodbye);
  }

  /** SIGTERM. */
  drain(): void {
    if (this.phase !== "ready") {
      this.#end(true);
      return;
    }
    this.say(() => "drains");
    this.phase = "draining";
    this.isDrained = false;
    this.drainBeganMs = this.world.events.nowMs;
    this.#send({ type: "draining" });
    for (const waitMs of [bounds.drainMinMs, bounds.drainUnheardMs, bounds.drainMaxMs])
      this.later(waitMs, () => this.#mayStop());
  }

  hears(socket: AgentSocket, message: HubSays): void {
    if (socket !== this.socket) return;
    this.say(() => `gets ${describe(message)}`);
    this.#heardAtMs = this.world.events.nowMs;
    const { known } = this;
    const { isSettling: wasSettling, plan: before } = known;
    const answers = known.take(message);
    if (message.type === "plan") this.world.rules.planTaken(this, before);
    if (message.type === "trust") this.world.rules.trustTaken(this);
    if (known.isSettling && !wasSettling) this.#settleLater();
    this.#answer(answers);
    if (message.type === "changes") this.saysDrained = true;
    if (message.type === "drained" && this.phase === "draining") {
      this.isDrained = true;
      this.#mayStop();
    }
    if (message.type === "trust") this.#trusts(message);
    if (message.type === "plan") this.#send({ type: "ack", version: message.version });
  }

  /** The socket has ended, or could not be made. @param waitMs when its hub wants it back */
  lost(socket: AgentSocket, waitMs = 0): void {
    if (socket !== this.socket) return;
    this.say(() => "lost its connection");
    const openMs = this.#heardAtMs - (this.openSinceMs ?? this.#heardAtMs);
    const { reconnectBaseMs, reconnectMaxMs, returnPauseMs, connectionSteadyMs } = control;
    const baseMs = this.openSinceMs === undefined ? reconnectBaseMs : returnPauseMs;
    this.#drop();
    this.#failures = openMs >= connectionSteadyMs ? 1 : this.#failures + 1;
    const pauseMs = backoffMs(this.#failures, baseMs, reconnectMaxMs, this.world.random());
    this.later(waitMs > 0 ? waitMs : pauseMs, () => this.#connect());
  }

  renewed(leaf: Leaf): void {
    const before = this.leaf;
    this.leaf = leaf;
    this.say(() => `has certificate ${leaf.serial.slice(0, 6)} of ${leaf.root}`);
    this.world.rules.identityChanged(this, before);
    if (this.#wanted !== undefined) this.#trusts(this.#wanted);
  }

  /** Of a certificate nothing changes for that. */
  renewalFailed(): void {
    const before = this.leaf;
    this.world.habits.renewalFailed(this);
    this.world.rules.identityChanged(this, before);
  }

  #connect(): void {
    const { world } = this;
    const hub = world.hubFor(this);
    const socket = new AgentSocket(`c${world.draw()}`, this, hub);
    this.socket = socket;
    this.#heardAtMs = world.events.nowMs;
    this.later(control.pingEveryMs, () => this.#watch(socket));
    world.network.call<number>({
      ...{ from: this, to: hub, act: "connect" },
      handle: (reply) => hub.connect(socket, reply),
      onEnd: (waitMs) => {
        if (socket !== this.socket) return;
        if (waitMs === 0 && socket.hubOpen) this.#opened(socket);
        else {
          socket.closeByAgent();
          this.lost(socket, waitMs);
        }
      },
    });
  }

  #opened(socket: AgentSocket): void {
    this.openSinceMs = this.#heardAtMs = this.world.events.nowMs;
    for (const message of this.#greeting()) socket.toHub(message);
    this.#renewal.nudge();
  }

  #greeting(): AgentMessage[] {
    const { known, leaf } = this;
    known.connected();
    this.#settleLater();
    const { plan } = known;
    const hello: AgentMessage = {
      type: "hello",
      format: 1,
      instance: this.instance,
      endpoint: { ...this.endpoint, labels: {} },
      planVersion: plan?.version ?? 0,
      ...(plan !== undefined && { planHash: plan.hash }),
      certificateNotAfterMs: leaf?.notAfterMs ?? 0,
      ...(this.#trusted !== undefined && { trusts: this.#trusted }),
      views: known.held,
    };
    return this.phase === "ready" || this.phase === "draining" ? [hello, { type: this.phase }] : [hello];
  }

  #watch(socket: AgentSocket): void {
    if (socket !== this.socket) return;
    const { events, network } = this.world;
    const reaches = network.cutUntilMs(this, socket.hub) <= events.nowMs;
    if (reaches && socket.hubOpen && this.openSinceMs !== undefined) {
      socket.pingedAtMs = socket.hub.nowMs;
      this.#heardAtMs = events.nowMs;
    }
    if (events.nowMs - this.#heardAtMs > 2.5 * control.pingEveryMs) {
      socket.closeByAgent();
      this.lost(socket);
    } else this.later(control.pingEveryMs, () => this.#watch(socket));
  }

  #trusts(trust: Trust): void {
    this.#wanted = trust;
    const { leaf } = this;
    const isFrom = trust.issuer === undefined || leaf?.root === trust.issuer;
    if (leaf === undefined || !trust.roots.includes(leaf.root) || !isFrom) this.#renewal.hurry();
    this.#trusted = isFrom ? trust.id : undefined;
    if (isFrom) this.#send({ type: "trusts", id: trust.id });
  }

  #settleLater(): void {
    const settling = ++this.#settling;
    this.later(bounds.viewSettleMs, () => {
      if (settling === this.#settling) this.#answer(this.known.settle());
    });
  }

  #answer({ seen, resync }: ReturnType<AgentKnowledge["take"]>): void {
    if (seen.length > 0) this.#send({ type: "seen", views: [...seen] });
    if (resync.length > 0) this.#send({ type: "resync", views: [...resync] });
  }

  #send(message: AgentMessage): void {
    if (this.openSinceMs !== undefined) this.socket?.toHub(message);
  }

  /** No listener before plan, trust and endpoints; then the application starts. */
  #awaitView(): void {
    const offline = this.world.events.nowMs - this.#startedAtMs >= bounds.offlineStartMs;
    if (!this.known.isComplete || !(this.known.isFresh || offline)) {
      this.later(VIEW_POLL_MS, () => this.#awaitView());
      return;
    }
    this.later(30 + this.world.random() * 600, () => {
      if (this.phase !== "starting") return;
      this.say(() => "is ready");
      this.phase = "ready";
      this.accepting = true;
      this.#send({ type: "ready" });
    });
  }

  #mayStop(): void {
    if (this.phase !== "draining" || !this.accepting) return;
    const sinceMs = this.world.events.nowMs - this.drainBeganMs;
    if (sinceMs < bounds.drainMaxMs && !this.world.steps.callersKnow(this, false)(sinceMs)) return;
    this.say(() => `stops accepting after ${Math.round(sinceMs)} ms`);
    this.accepting = false;
    this.world.rules.stoppedAccepting(this);
    this.#end(true);
  }

  #end(withGoodbye: boolean): void {
    this.accepting = false;
    this.phase = "gone";
    this.life++;
    this.#drop(withGoodbye);
  }

  #drop(withGoodbye = true): void {
    const { socket } = this;
    this.socket = undefined;
    this.openSinceMs = undefined;
    if (socket === undefined) return;
    if (withGoodbye) socket.closeByAgent();
    socket.agentOpen = false;
  }
}

const VIEW_POLL_MS = 100;

function describe(message: HubSays): string {
  if (message.type === "plan") return `plan ${message.version}`;
  if (message.type !== "changes") return message.type;
  const views = message.views.map(
    ({ service, from, revision, ack }) => `${service} ${from ?? "all"} to ${revision}${ack === true ? ", ack" : ""}`,
  );
  return `changes ${views.join("; ")}`;
}
