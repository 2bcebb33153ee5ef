/** A seeded simulation of isolates in front of one upstream: some workers, a queue that loses nobody, clients that do not wait. */

export interface QueueWorld {
  readonly seed: number;
  readonly workers: number;
  readonly serviceMs: number;
  readonly service: "fixed" | "lognormal" | "exponential";
  readonly isolates: number;
  /** Offered, over what the workers can do. */
  readonly load: number;
  readonly seconds: number;
  /** Not counted. */
  readonly warmUpSeconds: number;
  /** An answer after this is of use to nobody. */
  readonly timeoutMs: number;
  /** Whether a request is thrown away as it would leave the upstream's queue. Absent: none is. */
  readonly drops?: ((level: number, waitedMs: number, nowMs: number) => boolean) | undefined;
}

export interface Admission<Ticket> {
  /** @returns undefined: refused. Levels are 0 high, 1 normal, 2 low. */
  enter(level: number, nowMs: number): Ticket | undefined;
  leave(ticket: Ticket, level: number, tookMs: number, nowMs: number): void;
}

export interface WorldFigures {
  /** Answers in time, over what the workers can do. */
  readonly goodput: number;
  readonly p50Ms: number;
  /** Of high priority. */
  readonly p99HighMs: number;
  /** Share of each level that was refused. */
  readonly refused: readonly number[];
}

interface Request {
  readonly level: number;
  readonly isolate: number;
  readonly atMs: number;
  readonly ticket: unknown;
}

/** A fifth is high, the others half normal and half low. */
const HIGH = 0.2;
const NORMAL = 0.6;

export function simulate<Ticket>(world: QueueWorld, create: () => Admission<Ticket>): WorldFigures {
  const { workers, serviceMs, isolates, load, seconds, warmUpSeconds, timeoutMs } = world;
  const random = randomOf(world.seed);
  const capacityPerMs = workers / serviceMs;
  const admissions = Array.from({ length: isolates }, create);
  const events = new EventHeap<Request | "arrival">();
  const queue: Request[] = [];
  let head = 0;
  let busy = 0;
  let good = 0;
  const asked = [0, 0, 0];
  const refused = [0, 0, 0];
  const latencies: number[][] = [[], [], []];
  const start = (request: Request, nowMs: number): void => {
    busy++;
    events.push(nowMs + serviceTime(world, random), request);
  };
  const arrive = (nowMs: number): void => {
    events.push(nowMs - Math.log(1 - random()) / (capacityPerMs * load), "arrival");
    const draw = random();
    const level = draw < HIGH ? 0 : draw < NORMAL ? 1 : 2;
    const isolate = Math.floor(random() * isolates);
    const ticket = admissions[isolate]?.enter(level, nowMs);
    const isCounted = nowMs >= warmUpSeconds * 1000;
    if (isCounted) asked[level] = (asked[level] ?? 0) + 1;
    if (ticket === undefined) {
      if (isCounted) refused[level] = (refused[level] ?? 0) + 1;
      return;
    }
    const request = { level, isolate, atMs: nowMs, ticket };
    if (busy < workers) start(request, nowMs);
    else queue.push(request);
  };
  const finish = ({ level, isolate, atMs, ticket }: Request, nowMs: number): void => {
    busy--;
    const tookMs = nowMs - atMs;
    admissions[isolate]?.leave(ticket as Ticket, level, tookMs, nowMs);
    if (nowMs >= warmUpSeconds * 1000 && tookMs <= timeoutMs) {
      good++;
      latencies[level]?.push(tookMs);
    }
    for (let next = queue[head]; next !== undefined; next = queue[head]) {
      head++;
      if (world.drops?.(next.level, nowMs - next.atMs, nowMs) !== true) {
        start(next, nowMs);
        return;
      }
      admissions[next.isolate]?.leave(next.ticket as Ticket, next.level, nowMs - next.atMs, nowMs);
      if (next.atMs >= warmUpSeconds * 1000) refused[next.level] = (refused[next.level] ?? 0) + 1;
    }
  };
  events.push(0, "arrival");
  for (let event = events.pop(); event !== undefined && event.atMs < seconds * 1000; event = events.pop())
    if (event.what === "arrival") arrive(event.atMs);
    else finish(event.what, event.atMs);
  return {
    goodput: good / ((seconds - warmUpSeconds) * 1000 * capacityPerMs),
    p50Ms: quantile(latencies.flat(), 0.5),
    p99HighMs: quantile(latencies[0] ?? [], 0.99),
    refused: refused.map((count, level) => count / Math.max(1, asked[level] ?? 0)),
  };
}

function serviceTime({ service, serviceMs }: QueueWorld, random: () => number): number {
  if (service === "fixed") return serviceMs * (0.95 + 0.1 * random());
  if (service === "exponential") return -Math.log(1 - random()) * serviceMs;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return serviceMs * Math.exp(0.6 * normal - 0.18);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Event<What> {
  readonly atMs: number;
  readonly what: What;
}

class EventHeap<What> {
  readonly #events: Event<What>[] = [];

  push(atMs: number, what: What): void {
    const events = this.#events;
    events.push({ atMs, what });
    for (let at = events.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#time(parent) <= this.#time(at)) return;
      this.#swap(parent, at);
      at = parent;
    }
  }

  pop(): Event<What> | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (last === undefined || events.length === 0) return first;
    events[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = this.#time(right) < this.#time(left) ? right : left;
      if (this.#time(at) <= this.#time(least)) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #time(at: number): number {
    return this.#events[at]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(one: number, other: number): void {
    const events = this.#events;
    [events[one], events[other]] = [events[other] as Event<What>, events[one] as Event<What>];
  }
}
