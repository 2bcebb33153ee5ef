/** An open-loop load: requests leave at a fixed rate whatever became of those before. */
import { Agent, request } from "node:http";

export interface LoadOptions {
  /** Requests a second. */
  readonly rate: number;
  readonly url: string;
  /** What the request of that number is, from 0; absent members: GET, no body. */
  readonly make: (index: number) => {
    readonly path: string;
    readonly method?: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
}

export interface Answer {
  readonly index: number;
  readonly status: number;
  readonly body: string;
}

export interface LoadResult {
  readonly sent: number;
  readonly answers: readonly Answer[];
  /** What was no 2xx, a status with the start of its body or an error of the connection; the first ones, then how many more. */
  readonly failures: readonly string[];
}

export interface Load {
  /** How many have been answered with 2xx so far. */
  readonly succeeded: () => number;
  /** Sends no more, waits for what is under way. */
  readonly stop: () => Promise<LoadResult>;
}

const TICK_MS = 10;
const ANSWER_WITHIN_MS = 30_000;
const FAILURES_TOLD = 10;

export function startLoad({ rate, url, make }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const { hostname, port } = new URL(url);
  const answers: Answer[] = [];
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;

  const sendOne = (index: number): Promise<void> =>
    new Promise((done) => {
      const { path, method = "GET", headers, body } = make(index);
      const fail = (reason: string): void => {
        failures.push(`${method} ${path} after ${Math.round(performance.now() - startedAt)} ms: ${reason}`);
        done();
      };
      const outgoing = request({ agent, hostname, port, path, method, headers: { ...headers } }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", (error) => fail(error.message));
        incoming.on("end", () => {
          const status = incoming.statusCode ?? 0;
          const text = Buffer.concat(chunks).toString();
          if (status < 200 || status > 299) return fail(`${status} ${text.slice(0, 200)}`);
          answers.push({ index, status, body: text });
          done();
        });
      });
      outgoing.setTimeout(ANSWER_WITHIN_MS, () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("error", (error) => fail(error.message));
      outgoing.end(body);
    });

  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * rate;
    for (; sent < due; sent++) {
      const one = sendOne(sent);
      open.add(one);
      one.then(() => open.delete(one));
    }
  }, TICK_MS);

  return {
    succeeded: () => answers.length,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      const more = failures.length - FAILURES_TOLD;
      const told = more > 0 ? [...failures.slice(0, FAILURES_TOLD), `and ${more} more`] : failures;
      return { sent, answers, failures: told };
    },
  };
}
