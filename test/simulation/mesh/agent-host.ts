/** An agent under the virtual clock: its session with the hub, what it knows and keeps on disk, how it starts and leaves. */
import { backoffMs } from "../../../mesh-agent/control/backoff.ts";
import type { KnownPlan } from "../../../mesh-agent/control/known-plan.ts";
import { Versions } from "../../../mesh-agent/control/versions.ts";
import { limits } from "../../../shared/limits.ts";
import type { ViewEndpoint } from "../../../shared/policy/endpoint.ts";
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import { AgentKnowledge } from "./agent-knowledge.ts";
import { AgentRenewal } from "./agent-renewal.ts";
import { AgentSocket } from "./agent-socket.ts";
import type { HubSays, Leaf, PlatformToken, TakenPlan, Trust } from "./messages.ts";
import type { AgentNode, AgentPhase, World } from "./nodes.ts";
import { ask, joinByToken, reissue } from "./reissue.ts";
import { EPOCH_MS, VirtualNode } from "./virtual-node.ts";

const { control, agent: bounds } = limits;

export class AgentHost extends VirtualNode<World> implements AgentNode {
  readonly service: string;
  readonly instance: string;
  /** On its disk. */
  leaf: Leaf | undefined;
  /** On its disk, too: by which it comes back. */
  readonly key: string;
  /** It was started with a way to tokens of its platform. */
  readonly hasPlatform: boolean;
  readonly known: AgentKnowledge;
  phase: AgentPhase = "gone";
  /** Its listener takes requests. */
  accepting = false;
  /** The control plane has spoken: it is not taken back. */
  wasRefused = false;
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
  #versions = new Versions();
  #releasing = 0;

  constructor(world: World, service: string, instance: string) {
    super(world, `${service}/${instance}`);
    this.service = service;
    this.instance = instance;
    this.key = `key of ${instance}`;
    this.hasPlatform = world.random() < 0.5;
    this.known = new AgentKnowledge(world.steps, (text) => this.say(text));
  }

  get endpoint(): ViewEndpoint {
    return { instance: this.instance, host: "10.0.0.1", port: this.port, labels: {} };
  }

  get isAlive(): boolean {
    return this.phase !== "gone";
  }

  /** The same for most of its life, as platforms do it. */
  platformToken(): PlatformToken | undefined {
    return this.hasPlatform ? this.world.platformToken(this) : undefined;
  }

  /** Certificate and token end while it sleeps; the key stays. */
  oversleep(): void {
    const { leaf } = this;
    const endedMs = EPOCH_MS + this.world.events.nowMs - 3_600_000;
    if (leaf === undefined || leaf.tokenEndsMs < endedMs) return;
    this.say(() => "sleeps until all has ended but its key");
    this.leaf = { ...leaf, notAfterMs: endedMs, tokenEndsMs: endedMs };
    this.#renewal.overslept();
    // Nobody is connected for longer than its token is good.
    this.socket?.break();
  }

  /** With the identity on its disk; one that has ended is replaced first. */
  start(): void {
    this.say(() => "starts");
    this.life++;
    const { leaf, nowMs } = this;
    if (leaf !== undefined && nowMs >= leaf.notAfterMs) this.#obtain(1, (then) => reissue(this, then));
    else this.#serve();
  }

  /** Waits for the control plane as long as it cannot be reached. */
  #obtain(failures: number, ask: (then: (answer: { leaf: Leaf | undefined } | undefined) => void) => void): void {
    this.phase = "joining";
    ask((answer) => {
      if (answer?.leaf !== undefined) {
        this.renewed(answer.leaf);
        this.#serve();
      } else if (answer === undefined) {
        const waitMs = backoffMs(failures, control.reconnectBaseMs, control.reconnectMaxMs, this.world.random());
        this.later(waitMs, () => this.#obtain(failures + 1, ask));
      } else {
        this.say(() => "is not taken back");
        this.wasRefused = true;
        this.phase = "gone";
        // Something starts it again, as a supervisor does.
        if (this.leaf !== undefined) this.later(RESTART_MS, () => this.start());
      }
    });
  }

  #serve(): void {
    this.wasRefused = false;
    this.phase = "starting";
    this.isDrained = false;
    this.#wanted = this.#trusted = undefined;
    this.#failures = 0;
    this.port = 10_000 + (this.world.draw() % 3);
    this.#renewal = new AgentRenewal(this);
    this.#startedAtMs = this.world.events.nowMs;
    this.known.load();
    this.#versions = new Versions();
    this.#connect();
    this.#renewal.start();
    this.#awaitView();
  }

  /** For the first time. @param token id of its join token; undefined: by a token of the platform */
  join(token: string | undefined): void {
    this.life++;
    this.known.forget();
    this.#obtain(1, (then) => {
      if (token === undefined) joinByToken(this, then);
      else ask(this, { kind: "token", id: token, macIsGood: true, key: this.key }, then);
    });
  }

  /** The process is gone. @param withGoodbye its system closes its sockets */
  kill(withGoodbye: boolean): void {
    this.say(() => "is killed");
    this.frozenUntilMs = 0;
    this.wasRefused = false;
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
    const { isSettling: wasSettling, plan: before, isReleased: wasReleased } = known;
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
    if (message.type === "canary") this.#send({ type: "canary", version: message.version });
    if (known.isReleased !== wasReleased) this.#releaseLater();
  }

  /** Requests that were decided by the second version may be under way. */
  #releaseLater(): void {
    const releasing = ++this.#releasing;
    if (!this.known.isReleased) return;
    this.later(limits.canary.keptMs, () => {
      if (releasing === this.#releasing) this.known.dropSecond();
    });
  }

  /**
   * A request comes.
   * @param named the version that its caller was decided by
   * @returns the version that decides it, and what is named to the next
   */
  decide(named: string | undefined): { readonly version: number; readonly named: string | undefined } {
    const { plan, second } = this.known;
    const versions = this.#versions;
    versions.use(asKnown(plan), asKnown(second), this.openSinceMs === undefined);
    const { two } = versions;
    const version = (two === undefined ? plan : this.world.steps.versionNamed(versions, two, named))?.version ?? 0;
    return { version, named: two === undefined ? undefined : String(version) };
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
      handle: (reply) => {
        if (hub.nowMs < (this.leaf?.tokenEndsMs ?? 0)) hub.connect(socket, reply);
      },
      onEnd: (waitMs) => {
        if (socket !== this.socket) return;
        if (waitMs === 0 && socket.hubOpen) this.#opened(socket);
        else {
          socket.closeByAgent();
          this.lost(socket, waitMs);
          this.#renewal.notice();
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
      ...(known.second !== undefined && { canary: known.second.version }),
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
const RESTART_MS = 2_000;

/** As far as `Versions` looks at it. */
const asKnown = (plan: TakenPlan | undefined): KnownPlan | undefined => plan as KnownPlan | undefined;

function describe(message: HubSays): string {
  if (message.type === "plan" || message.type === "canary") return `${message.type} ${message.version}`;
  if (message.type !== "changes") return message.type;
  const views = message.views.map(
    ({ service, from, revision, ack }) => `${service} ${from ?? "all"} to ${revision}${ack === true ? ", ack" : ""}`,
  );
  return `changes ${views.join("; ")}`;
}
