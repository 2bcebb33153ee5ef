import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import {
  answerMonitor,
  type CheckState,
  hearIsolate,
  isWatched,
  type MonitorAnswer,
  type MonitorQuestion,
  type MonitorState,
  newMonitor,
  noteCheck,
} from "../../../shared/policy/upstream-monitor.ts";
import type { HealthSettings, TargetSettings } from "../../../shared/policy/upstream-settings.ts";
import { checkTarget } from "../upstream/check-target.ts";

/** What is kept on disk; ejections are told again by those who have them. */
interface Kept {
  readonly version: number;
  readonly targets: readonly TargetSettings[];
  readonly health?: HealthSettings;
  readonly checks: readonly (readonly [target: string, state: CheckState])[];
  readonly askedAtMs: number;
}

/**
 * One upstream as all isolates know it. Its alarm checks the targets, from this one place, while isolates ask; it sleeps when they
 * do not.
 */
export class UpstreamMonitor extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #state: MonitorState;
  /** When that nobody asks any more would have to be on disk again. */
  #keptAskedAtMs = 0;
  #isRunning: boolean;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS monitor (id INTEGER PRIMARY KEY CHECK (id = 0), state TEXT NOT NULL)");
    this.#state = this.#read();
    this.#isRunning = isWatched(this.#state, Date.now());
  }

  /** Takes what an isolate tells, and tells it what the checks and the others know. */
  async ask(question: MonitorQuestion): Promise<MonitorAnswer> {
    const nowMs = Date.now();
    const isNew = hearIsolate(this.#state, question, nowMs);
    if (isNew || nowMs - this.#keptAskedAtMs > limits.upstreams.checkedForMs / 4) this.#write();
    if (isNew || (!this.#isRunning && this.#state.health !== undefined)) await this.#start(nowMs);
    return answerMonitor(this.#state, question.isolate, nowMs);
  }

  async #start(nowMs: number): Promise<void> {
    this.#isRunning = this.#state.health !== undefined;
    if (this.#isRunning) await this.ctx.storage.setAlarm(nowMs);
    else await this.ctx.storage.deleteAlarm();
  }

  override async alarm(): Promise<void> {
    const beganAtMs = Date.now();
    const { health } = this.#state;
    this.#isRunning = isWatched(this.#state, beganAtMs);
    if (!this.#isRunning || health === undefined) return;
    await this.ctx.storage.setAlarm(beganAtMs + health.intervalMs);
    if (await this.#checkAll(health)) this.#write();
  }

  /** @returns whether anything changed that has to be on disk */
  async #checkAll(health: HealthSettings): Promise<boolean> {
    const left = [...this.#state.targets];
    let changed = false;
    const work = async (): Promise<void> => {
      for (let target = left.shift(); target !== undefined; target = left.shift()) {
        const fault = await checkTarget(target, health, this.env);
        // Some of what counts to a change is in memory alone, as long as it agrees with what is thought.
        const before = this.#state.checks.get(target.name)?.against ?? 0;
        const isChanged = noteCheck(this.#state, target.name, fault === undefined);
        changed ||= isChanged || before > 0 || fault !== undefined;
        if (isChanged) this.#tell(target.name, fault);
      }
    };
    await Promise.all(Array.from({ length: limits.upstreams.checksAtOnceMax }, work));
    return changed;
  }

  #tell(target: string, fault: string | undefined): void {
    const upstream = this.ctx.id.name ?? "";
    const state = fault === undefined ? "healthy" : "unhealthy";
    console.warn(JSON.stringify({ kind: "upstream", upstream, target, state, reason: fault }));
  }

  #read(): MonitorState {
    const row = this.#sql.exec<{ state: string }>("SELECT state FROM monitor").toArray()[0];
    if (row === undefined) return newMonitor();
    const kept = JSON.parse(row.state) as Kept;
    this.#keptAskedAtMs = kept.askedAtMs;
    return { ...newMonitor(), ...kept, health: kept.health, checks: new Map(kept.checks) };
  }

  #write(): void {
    const { version, targets, health, checks, askedAtMs } = this.#state;
    const kept: Kept = { version, targets, ...(health && { health }), checks: [...checks], askedAtMs };
    this.#sql.exec("INSERT OR REPLACE INTO monitor VALUES (0, ?)", JSON.stringify(kept));
    this.#keptAskedAtMs = askedAtMs;
  }
}
