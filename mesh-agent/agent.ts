/** One agent from its first to its last moment, in the order of events. */
import { limits } from "../shared/limits.ts";
import { ZONE_LABEL } from "../shared/policy/zones.ts";
import type { Endpoint } from "../shared/wire/endpoint.ts";
import { agentView } from "./admin/agent-view.ts";
import { ControlSession } from "./control/control-session.ts";
import { enrolmentKeyFile, keepJoined } from "./control/enrolment-key.ts";
import type { KnownPlan } from "./control/known-plan.ts";
import { type Changed, KnownView } from "./control/known-view.ts";
import { identityFile, type Obtained } from "./control/obtain-identity.ts";
import { makeStateFolder, type OpenState, stateIn } from "./control/state-file.ts";
import { openStateBox } from "./control/state-key.ts";
import { takeIdentity } from "./control/take-identity.ts";
import { ToldCondition } from "./control/told-condition.ts";
import { Versions } from "./control/versions.ts";
import { Clusters } from "./discovery/clusters.ts";
import { FleetLink } from "./discovery/fleet-link.ts";
import { FoundEndpoints } from "./discovery/found-endpoints.ts";
import { AppConnections, notListening } from "./inbound/app-connections.ts";
import { Gate } from "./inbound/drain-gate.ts";
import type { AppAddress } from "./inbound/forward-tcp.ts";
import { HopVerifier } from "./inbound/hop-verifier.ts";
import { ingressStack } from "./inbound/ingress-stack.ts";
import { ServiceLimits } from "./inbound/service-limits.ts";
import { shedLoad } from "./inbound/shed-load.ts";
import { inboundStack } from "./inbound/stack.ts";
import { TxnVerifier } from "./inbound/txn-verifier.ts";
import { AdminListener } from "./lifecycle/admin-listener.ts";
import type { AgentOptions, IngressRole, RunRole } from "./lifecycle/agent-options.ts";
import { appEnvironment } from "./lifecycle/app-environment.ts";
import { AppProcess } from "./lifecycle/app-process.ts";
import { callersKnow, drainListener } from "./lifecycle/drain.ts";
import type { Exposure } from "./lifecycle/exposure.ts";
import { awaitFirstView } from "./lifecycle/first-view.ts";
import { nodeOptionsOf } from "./lifecycle/in-app.ts";
import { keepAliveLint } from "./lifecycle/keep-alive-lint.ts";
import { meshPools } from "./lifecycle/mesh-pools.ts";
import { openListener } from "./lifecycle/open-listener.ts";
import { freePort } from "./lifecycle/ports.ts";
import { RuntimeStatus } from "./lifecycle/runtime-status.ts";
import { settleMemory } from "./lifecycle/settle-memory.ts";
import { lockStateFolder } from "./lifecycle/state-lock.ts";
import { orStop, type StopRequest } from "./lifecycle/stop-request.ts";
import { TcpListeners } from "./lifecycle/tcp-listeners.ts";
import { TrustState } from "./lifecycle/trust-state.ts";
import { outboundStack } from "./outbound/stack.ts";
import { tcpStack } from "./outbound/tcp-stack.ts";
import type { ClientPool } from "./proxy/engine.ts";
import type { Listener } from "./proxy/listener.ts";
import { createMeshServer, type MeshServerOptions } from "./proxy/mesh-server.ts";
import { AgentRecords } from "./telemetry/agent-records.ts";
import { AgentTaps } from "./telemetry/agent-taps.ts";
import { EdgeCounts } from "./telemetry/edge-counts.ts";
import type { Log } from "./telemetry/log.ts";
import type { AccessLogOptions } from "./telemetry/log-access.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { Tracing } from "./telemetry/tracing.ts";

/**
 * Runs until the application ends or a stop is asked for.
 * @returns exit code
 * @throws when it cannot start, with a sentence for people
 */
export async function runAgent(options: AgentOptions, log: Log, stop: StopRequest): Promise<number> {
  makeStateFolder(options.stateFolder);
  const unlock = lockStateFolder(options.stateFolder);
  try {
    const open = stateIn(options.stateFolder, openStateBox(options.stateFolder, options.stateKeyFile, process.env));
    const obtained = await orStop(takeIdentity({ ...options, open, log }), stop);
    if (obtained === undefined) return STOPPED_EARLY;
    const agent = new Agent(options, obtained, open, log, stop);
    return await agent.run(obtained.fresh);
  } finally {
    unlock();
  }
}

/** As a shell tells a process that SIGTERM ended. */
const STOPPED_EARLY = 143;

class Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #stop: StopRequest;
  readonly #service: string;
  readonly #instance: string;
  readonly #metrics = new Metrics();
  readonly #accessLog: Omit<AccessLogOptions, "hop"> & { readonly tracing: Tracing };
  readonly #taps = new AgentTaps();
  readonly #records = new AgentRecords(() => this.#session.identity);
  readonly #gate = new Gate();
  readonly #view: KnownView;
  readonly #trust: TrustState;
  readonly #verifier: TxnVerifier;
  readonly #hopVerifier = new HopVerifier();
  /** One for all that goes to the application, wherever it comes from. */
  readonly #shed = shedLoad(this.#metrics);
  readonly #limits = new ServiceLimits(() => this.#view, this.#metrics);
  readonly #clusters: Clusters;
  readonly #found: FoundEndpoints;
  readonly #versions = new Versions();
  readonly #session: ControlSession;
  readonly #runtime: RuntimeStatus;
  #inboundPort = 0;
  /** From the mesh, or from the gateway. */
  #listener: Listener | undefined;
  #outbound: Listener | undefined;
  #tcp: TcpListeners | undefined;
  /** The listener to the outside. */
  #exposure: Exposure | undefined;
  readonly #admin = new AdminListener();
  #app: AppConnections | undefined;
  #appAddress: AppAddress | undefined;
  /** The control plane has told the endpoints in this run. */
  #isFresh = false;
  #unready: string | undefined = "it is starting";

  constructor(options: AgentOptions, { identity, key, svid }: Obtained, open: OpenState, log: Log, stop: StopRequest) {
    const { service, instance, trustDomain } = identity;
    this.#options = options;
    this.#log = log;
    this.#stop = stop;
    this.#service = service;
    this.#instance = instance;
    const told = { log, metrics: this.#metrics, tracing: new Tracing(service, instance, log), taps: this.#taps };
    const edges = new EdgeCounts(service);
    this.#accessLog = { service, instance, ...told, records: this.#records, edges, chosen: options.accessLog };
    const onTrouble = (message: string): void => log.event("state_trouble", message);
    this.#view = new KnownView(open, identity, onTrouble, () => this.#changed("plan"));
    this.#trust = new TrustState(identity, log, svid);
    this.#verifier = new TxnVerifier(trustDomain);
    this.#clusters = new Clusters(meshPools(this.#trust, log), options.zone);
    this.#found = new FoundEndpoints(open, this.#clusters, log);
    const [identities, keys] = [identityFile(open), enrolmentKeyFile(open)];
    this.#session = new ControlSession({
      identity,
      ways: { key, platform: options.platform, svid },
      view: this.#view,
      endpoint: () => this.#endpoint(),
      onChanged: (changed) => this.#changed(changed),
      onConnection: () => this.#useVersions(),
      // A second word is no hurry, as a second signal would be: it may be the same one, sent again.
      onDrain: () => void (stop.signal === undefined && stop.stop("SIGTERM")),
      onIdentity: (renewed) => {
        const isOther = this.#trust.renew(renewed);
        this.#useTrust();
        // So that no connection rests on a proof older than one certificate.
        if (isOther) this.#clusters.renewConnections();
        // A key of an outside issuer is not ours to keep.
        if (key === undefined) return;
        try {
          identities.saveNow(renewed);
          keepJoined(keys, key, renewed);
        } catch (error) {
          onTrouble(`the renewed certificate is in use but not on disk: ${(error as Error).message}`);
        }
      },
      ...{ log, fleet: new FleetLink(this.#clusters, this.#metrics), limits: this.#limits, taps: this.#taps, edges },
      condition: new ToldCondition(this.#view, this.#found),
    });
    this.#runtime = new RuntimeStatus(options.stateFolder, service, instance, onTrouble);
  }

  async run(fresh: boolean): Promise<number> {
    const { role } = this.#options;
    try {
      if (fresh) this.#view.forget();
      else this.#view.load();
      if (role.kind === "run") this.#inboundPort = role.inbound.port || (await freePort(role.inbound.host));
      this.#session.start();
      if (!(await this.#firstView())) return STOPPED_EARLY;
      return role.kind === "run" ? await this.#runApplication(role) : await this.#runIngress(role);
    } finally {
      await this.#close();
    }
  }

  /** Law 9: no listener before plan, trust and endpoints. @returns false when it is to stop before that */
  async #firstView(): Promise<boolean> {
    const stopped = (): boolean => this.#stop.signal !== undefined;
    const isThere = (offline: boolean): boolean => this.#view.complete && (this.#isFresh || offline);
    const remind = (): void => this.#log.event("plan_awaited", `waiting for a plan that names ${this.#service}`);
    if (!(await awaitFirstView({ isThere, stopped, remind }))) return false;
    for (const changed of ["trust", "plan"] as const) this.#changed(changed);
    await this.#found.ready(stopped);
    return !stopped();
  }

  async #runApplication(role: RunRole): Promise<number> {
    const appPort = role.appPort ?? this.#plan().plan.inbound?.port ?? 0;
    this.#listener = await this.#openInbound(role);
    this.#outbound = await this.#open("outbound", { listen: role.outbound, proxy: true });
    this.#outbound.onExchange(outboundStack(this.#calls));
    this.#tcp = new TcpListeners({ host: role.outbound.host, serve: tcpStack(this.#calls), log: this.#log });
    await this.#tcp.update(this.#plan().plan.outbound);
    const ports = { app: appPort || (await freePort("127.0.0.1")), outbound: this.#outbound.port };
    const admin = await this.#openAdmin();
    const all = { inbound: this.#listener.port, outbound: ports.outbound, admin, app: ports.app };
    if (role.workloadApi !== undefined) await this.#trust.serve(role.workloadApi);
    const nodeOptions = nodeOptionsOf(role, process.env, this.#log);
    const environment = appEnvironment(process.env, ports, this.#tcp.addresses, role.workloadApi, nodeOptions);
    const app = await AppProcess.start(role.command, environment);
    this.#stop.passOn = (signal) => app.signal(signal);
    this.#runtime.update({ ports: all, ...(app.pid !== undefined && { appPid: app.pid }) });
    try {
      return await this.#serve(app, ports.app);
    } catch (error) {
      await app.stop();
      throw error;
    }
  }

  async #serve(app: AppProcess, port: number): Promise<number> {
    const host = await orStop(app.listening(port), this.#stop);
    if (host !== undefined) {
      this.#appAddress = { host, port };
      this.#app = new AppConnections(host, port, keepAliveLint(this.#log));
      if (this.#stop.signal === undefined) void this.#expose();
      this.#isReady(`serving ${this.#service} on port ${this.#listener?.port}, application on port ${port}`);
      await Promise.race([app.exited, this.#stop.asked]);
    }
    const ended = app.pid === undefined;
    if (ended) {
      this.#gate.refuseBy = "app_unreachable";
      this.#log.event("app_ended", `the application ended with code ${await app.exited}`);
    }
    await this.#drain(ended ? limits.agent.appGoneMs : limits.agent.drainMaxMs, host !== undefined);
    // Idle connections would keep an application that waits for their end.
    this.#app?.close();
    return app.stop();
  }

  async #runIngress(role: IngressRole): Promise<number> {
    const { listen, tls } = role;
    const secure = tls === undefined ? {} : { tls: { ...tls, ca: [], requireClientCert: false } };
    this.#listener = await this.#open("ingress", { listen, ...secure });
    this.#listener.onExchange(ingressStack({ ...this.#calls, gate: this.#gate, hopVerifier: this.#hopVerifier }));
    const admin = await this.#openAdmin();
    this.#runtime.update({ ports: { ingress: this.#listener.port, admin } });
    this.#isReady(`ingress for the gateway on ${listen.host}:${this.#listener.port}`);
    await this.#stop.asked;
    await this.#drain(limits.agent.drainMaxMs, true);
    return 0;
  }

  /** Loaded by agents whose plan or flags ask for it: most serve the mesh alone. */
  async #expose(): Promise<void> {
    const { role } = this.#options;
    if (role.kind !== "run" || (role.expose === undefined && this.#plan().plan.inbound?.expose === undefined)) return;
    const { Exposure } = await import("./lifecycle/exposure.ts");
    this.#exposure ??= new Exposure({
      ...{ address: role.expose, certificates: role.exposeCertificates, plan: () => this.#plan(), log: this.#log },
      ...{ accessLog: this.#accessLog, gate: this.#gate, shed: this.#shed, app: () => this.#appConnections() },
      revocations: () => this.#view.revocations,
      onPort: (port) => this.#runtime.setPort("expose", port),
    });
    await this.#exposure.update();
  }

  #isReady(sentence: string): void {
    settleMemory();
    this.#unready = undefined;
    this.#session.setPhase("ready");
    this.#runtime.update({ phase: "ready" });
    this.#log.event("ready", sentence, { service: this.#service, instance: this.#instance });
  }

  /** @param wasReady callers may know of this agent */
  async #drain(boundMs: number, wasReady: boolean): Promise<void> {
    this.#unready = "it is stopping";
    this.#session.setPhase("draining");
    this.#runtime.update({ phase: "draining" });
    const listener = this.#listener;
    if (listener === undefined || !wasReady) return;
    const hurried = (): boolean => this.#stop.hurried;
    const isIngress = this.#options.role.kind === "ingress";
    const session = this.#endpoint() === undefined ? undefined : this.#session;
    const known = callersKnow(session, isIngress || this.#exposure !== undefined);
    const how = { gate: this.#gate, boundMs, known, hurried };
    await Promise.all([drainListener({ ...how, listener }), this.#exposure?.drain(how)]);
  }

  async #openInbound(role: RunRole): Promise<Listener> {
    const at = { host: role.inbound.host, port: this.#inboundPort };
    const stack = inboundStack({
      accessLog: this.#accessLog,
      gate: this.#gate,
      plan: ({ head }) => this.#versions.of(head, this.#plan()),
      versions: this.#versions,
      verifier: this.#verifier,
      ...{ meshLimits: this.#limits.mesh, shed: this.#shed },
      app: () => this.#appConnections(),
      appAddress: () => this.#appAddress ?? notListening(),
    });
    for (let tries = 1; ; tries++) {
      try {
        const listener = await this.#open("inbound", { listen: at, tls: this.#trust.forListener, connect: true });
        listener.onExchange(stack);
        return listener;
      } catch (error) {
        if (role.inbound.port !== 0 || tries === 3) throw error;
        // Somebody took the port that was free before: another one, which the control plane has to know.
        this.#inboundPort = at.port = await freePort(at.host);
        this.#session.reconnect();
      }
    }
  }

  #open(what: string, options: MeshServerOptions): Promise<Listener> {
    return openListener(what, options, createMeshServer, this.#log);
  }

  #openAdmin(): Promise<number> {
    const view = agentView({
      ...{ session: this.#session, view: this.#view, clusters: this.#clusters, found: this.#found },
      ...{ metrics: this.#metrics, versions: this.#versions, log: this.#log },
      unready: () => this.#unready,
      exposed: this.#options.role.kind === "run" ? this.#options.role.exposeCertificates : undefined,
      tcp: () => this.#tcp?.addresses ?? {},
    });
    this.#accessLog.tracing.families = view.metrics;
    return this.#admin.open(this.#options.admin, view);
  }

  /** Takes what the control plane has told into use. */
  #changed(changed: Changed): void {
    const { plan, trust, endpoints } = this.#view;
    if (changed === "endpoints") this.#isFresh = true;
    if (changed === "trust" && trust !== undefined) {
      const { fewer, isOther } = this.#trust.trust(trust);
      this.#verifier.setKeys(trust.txnKeys, isOther, Date.now());
      this.#hopVerifier.setKeys(trust.hopKeys ?? [], isOther, Date.now());
      this.#useTrust();
      if (fewer) this.#clusters.renewConnections();
    } else if (plan !== undefined) {
      this.#useVersions();
      if (changed === "plan") void this.#accessLog.tracing.use(plan.plan.telemetry);
      if (changed === "plan") this.#records.use(plan.plan.telemetry);
      this.#found.update(plan.plan.outbound, endpoints.services, this.#versions.beside);
      if (changed === "plan") void this.#tcp?.update(plan.plan.outbound);
    }
    if (changed === "plan" && this.#unready === undefined) void this.#expose();
  }

  /** Requests are asked for their version where there may be two: where one is held, or nobody could say so. */
  #useVersions(): void {
    this.#versions.use(this.#view.plan, this.#view.second.plan, !this.#session.connected);
  }

  /** Listeners take new certificates and roots; connections that are open stay. */
  #useTrust(): void {
    if (this.#options.role.kind === "run") this.#listener?.setSecureContext(this.#trust.tlsIdentity);
  }

  #endpoint(): Endpoint | undefined {
    const { role, zone } = this.#options;
    if (role.kind === "ingress") {
      const labels: Record<string, string> = zone === undefined ? {} : { [ZONE_LABEL]: zone };
      return role.advertise && { instance: this.#instance, ...role.advertise, labels };
    }
    const { labels, advertise } = role;
    return { instance: this.#instance, host: advertise.host, port: advertise.port || this.#inboundPort, labels };
  }

  #plan(): KnownPlan {
    const { plan } = this.#view;
    if (plan === undefined) throw new Error("a request came before the plan");
    return plan;
  }

  #appConnections(): ClientPool {
    return this.#app?.pool(this.#plan().plan.inbound?.protocol ?? "http") ?? notListening();
  }

  /** What calls into the mesh need. */
  get #calls() {
    return {
      accessLog: this.#accessLog,
      planVersion: () => this.#plan().version,
      versions: this.#versions,
      clusters: this.#clusters,
      verifier: this.#verifier,
      random: Math.random,
    };
  }

  async #close(): Promise<void> {
    const listeners = [this.#listener, this.#outbound].map((one) => one?.close(0));
    await Promise.all([...listeners, this.#tcp?.close(), this.#exposure?.close(), this.#trust.close()]);
    this.#admin.close();
    this.#found.stop();
    this.#clusters.close();
    this.#app?.close();
    this.#session.stop();
    this.#records.stop();
    await this.#accessLog.tracing.close();
    this.#runtime.stopped();
  }
}
