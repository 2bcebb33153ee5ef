/** Whatever has a clock of its own and can end: agents, isolates, and objects, whose storage outlives them. */
import type { EventQueue } from "../event-queue.ts";
import type { Faults } from "./faults.ts";

/** Of all clocks when they are right. */
export const EPOCH_MS = 1_790_000_000_000;

/** Thrown where an object ends in the middle of what it does. */
export const CRASHED = new Error("the object ended here");

/** What a node needs of its world. */
export interface NodeWorld {
  readonly events: EventQueue;
  readonly faults: Faults;
  readonly trace: Trace | undefined;
  drawSkewMs(): number;
}

export type Trace = (node: string, text: string) => void;

/** @typeParam W what it needs of its world beside that */
export class VirtualNode<W extends NodeWorld = NodeWorld> {
  readonly world: W;
  readonly name: string;
  /** How far its clock is off. */
  skewMs = 0;
  /** What an earlier life had planned is void. */
  life = 0;
  /** Until then it does nothing (a suspended process), and nothing reaches it; times of the world. */
  frozenUntilMs = 0;
  cutUntilMs = 0;
  /** When something of its own or on its ways failed last, a time of the world. */
  troubledAtMs = 0;

  constructor(world: W, name: string) {
    this.world = world;
    this.name = name;
    this.skewMs = world.drawSkewMs();
  }

  /** By its own clock, milliseconds since the epoch. */
  get nowMs(): number {
    return EPOCH_MS + this.world.events.nowMs + this.skewMs;
  }

  /** Does something after a while, unless its life is over by then. */
  later(waitMs: number, act: () => void): void {
    const { life } = this;
    this.world.events.at(this.world.events.nowMs + waitMs, () => this.run(life, act));
  }

  run(life: number, act: () => void): void {
    if (life !== this.life) return;
    if (this.world.events.nowMs < this.frozenUntilMs)
      this.world.events.at(this.frozenUntilMs, () => this.run(life, act));
    else guarded(act);
  }

  /** Its clock is set. */
  turnClock(skewMs: number): void {
    this.skewMs = skewMs;
    this.troubled();
  }

  troubled(untilMs = this.world.events.nowMs): void {
    this.troubledAtMs = Math.max(this.troubledAtMs, untilMs);
  }

  say(text: () => string): void {
    this.world.trace?.(this.name, text());
  }
}

/** @returns false when the object ended in it */
export function guarded(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error !== CRASHED) throw error;
    return false;
  }
}

/** An object: what it keeps in memory is lost whenever it ends, its storage and its alarm stay. */
export abstract class DurableNode<W extends NodeWorld = NodeWorld> extends VirtualNode<W> {
  #awake = false;
  #alarmAtMs: number | undefined;
  #alarms = 0;
  #isRinging = false;

  /** Makes the memory from the storage. */
  protected abstract load(): void;
  /** @param done the alarm has done its work; one in which the object ends goes off again */
  protected abstract onAlarm(done: () => void): void;
  /** The process is gone, and connections with it. */
  protected onCrash(): void {}

  /** Does something for somebody else. @returns false when it ended in it */
  serve(act: () => void): boolean {
    return guarded(() => {
      this.wake();
      act();
    });
  }

  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.load();
  }

  /** Its memory is gone; sockets and storage are not. */
  sleep(): void {
    if (this.#awake) this.say(() => "is evicted");
    this.troubled();
    this.#end();
  }

  /** What has an alarm is woken by it, whatever its clock says by then. */
  wakeByAlarm(): void {
    if (this.#alarmAtMs !== undefined) this.#planAlarm();
  }

  crash(): void {
    this.say(() => "crashes");
    this.troubled();
    this.#end();
    this.onCrash();
  }

  /** What was stored just before stays; whatever should follow may not happen. */
  protected mayCrash(): void {
    if (!this.world.faults.isHit("crash")) return;
    this.crash();
    throw CRASHED;
  }

  /** @param atMs by its own clock */
  protected setAlarm(atMs: number): void {
    this.#alarmAtMs = atMs;
    this.#planAlarm();
  }

  protected deleteAlarm(): void {
    this.#alarmAtMs = undefined;
    this.#alarms++;
  }

  /** The alarm goes by it. */
  override turnClock(skewMs: number): void {
    super.turnClock(skewMs);
    if (this.#alarmAtMs !== undefined) this.#planAlarm();
  }

  #planAlarm(): void {
    const alarm = ++this.#alarms;
    const waitMs = Math.max(0, (this.#alarmAtMs ?? 0) - this.nowMs);
    this.world.events.at(this.world.events.nowMs + waitMs, () => this.#ring(alarm));
  }

  #ring(alarm: number): void {
    if (alarm !== this.#alarms) return;
    this.#alarmAtMs = undefined;
    this.#isRinging = true;
    const { life } = this;
    this.serve(() =>
      this.onAlarm(() => {
        if (life === this.life) this.#isRinging = false;
      }),
    );
  }

  #end(): void {
    this.life++;
    this.#awake = false;
    if (this.#isRinging && this.#alarmAtMs === undefined) this.setAlarm(this.nowMs + ALARM_AGAIN_MS);
    this.#isRinging = false;
  }
}

const ALARM_AGAIN_MS = 2_000;
