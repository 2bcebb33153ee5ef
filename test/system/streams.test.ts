/** Streams through the whole chain: nothing is held back, nothing is held without bound, and ends reach the other side. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { EDITED_ITEM, itemsBytes, itemsText } from "../support/items-text.ts";
import { type StreamWorld, startStreamWorld, type Way } from "../support/stream-world.ts";
import { freePorts, until } from "../support/system.ts";

let world: StreamWorld;
beforeAll(async () => {
  world = await startStreamWorld();
});
afterAll(() => world?.stop());

const WAYS: readonly Way[] = ["origin", "mesh"];
const MiB = 1024 * 1024;
let ids = 0;
const newId = (): string => `stream-${++ids}`;

/** Above what the sockets of all hops hold in the kernel (some 10 MB each) and processes beside, far below what an endless sender would send. */
const HELD_MAX = 128 * MiB;

/** Ids of the events in a stream, as they come. */
class EventReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";
  count = 0;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** Reads until so many are there, or the end. */
  async readTo(count: number): Promise<number> {
    while (this.count < count) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#text += this.#decoder.decode(value, { stream: true });
      const events = this.#text.split("\n\n");
      this.#text = events.pop() ?? "";
      for (const event of events) expect(event.startsWith(`id: ${++this.count}\n`)).toBe(true);
    }
    return this.count;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function eventsOf(path: string, init: RequestInit = {}): Promise<EventReader> {
  const { status, body } = await fetch(world.url(path), init);
  expect(status).toBe(200);
  return new EventReader(body as ReadableStream<Uint8Array>);
}

/** Bytes that the application has sent or received when that no longer grows. */
async function standstill(id: string, what: "sent" | "received"): Promise<number> {
  return until("it stands still", async () => {
    const bytes = (await world.state(id))[what];
    await delay(800);
    return bytes > 0 && (await world.state(id))[what] === bytes && bytes;
  });
}

/** A request whose answer nobody reads. */
async function unread(path: string): Promise<Socket> {
  const socket = connect(world.plain, "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

describe.each(WAYS)("events from the %s", (way) => {
  test("10,000 of them, the first before the others are sent", async () => {
    const id = newId();
    const events = await eventsOf(`/${way}/events?count=10000&id=${id}`);
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(10_001)).toBe(10_000);
  });

  test("over HTTP/2, too", async () => {
    const id = newId();
    const session: ClientHttp2Session = connectHttp2(`https://localhost:${world.secure}`, {
      rejectUnauthorized: false,
    });
    const stream = session.request({ ":path": `/${way}/events?count=1000&id=${id}` });
    const events = new EventReader(Readable.toWeb(stream) as ReadableStream<Uint8Array>);
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(1_001)).toBe(1_000);
    session.destroy();
  });

  test("encoded ones are not held back to be encoded better", async () => {
    const id = newId();
    const events = await eventsOf(`/${way}/events?gzip&id=${id}`, { headers: { "accept-encoding": "gzip" } });
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(3)).toBe(2);
  });

  test("a pause that is longer than the route's timeout is none of its business", async () => {
    const events = await eventsOf(`/quick/${way}/events?count=5&pauseMs=2600`);
    expect(await events.readTo(6)).toBe(5);
  });

  test("a client that leaves ends them", async () => {
    const id = newId();
    const events = await eventsOf(`/${way}/events?count=2&id=${id}`);
    await events.readTo(1);
    await events.cancel();
    await until("the application hears of it", async () => (await world.state(id)).closed);
  });
});

describe("events and policies", () => {
  test("a cache keeps none of them back", async () => {
    const id = newId();
    const events = await eventsOf(`/cached/events?count=100&control=max-age=60&id=${id}`);
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(101)).toBe(100);
  });

  test("nor does an answer that is kept for its idempotency key", async () => {
    const id = newId();
    const headers = { "idempotency-key": '"events-1"' };
    const events = await eventsOf(`/once/events?count=100&id=${id}`, { method: "POST", headers });
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(101)).toBe(100);
  });

  test("nor does a limit of what runs at once", async () => {
    const id = newId();
    const events = await eventsOf(`/running/events?count=100&id=${id}`);
    expect(await events.readTo(1)).toBe(1);
    await world.go(id);
    expect(await events.readTo(101)).toBe(100);
  });

  test.each([
    ["a limit of what runs at once", "/running/events?count=5&pauseMs=2600"],
    ["a cache that stores them", "/kept/events?count=5&pauseMs=2600&control=max-age=60"],
  ])("`timeout` holds to their end where they are read: %s", async (_what, path) => {
    const events = await eventsOf(path);
    await expect(events.readTo(6)).rejects.toThrow();
  });

  test("`streamIdle` ends a stream that stands still, and is told", async () => {
    const events = await eventsOf("/brief/events?count=5&pauseMs=5000");
    expect(await events.readTo(1)).toBe(1);
    await expect(events.readTo(2)).rejects.toThrow();
    const broken = await until("the line", () => world.broken().find(({ path }) => path === "/brief/events"));
    expect(broken).toMatchObject({ code: "upstream_timeout", reason: "the answer stood still for 1 s", method: "GET" });
  });
});

describe.each(WAYS)("bodies and the %s", (way) => {
  test("20 MB up and down", async () => {
    const id = newId();
    const body = Buffer.alloc(20_000_000, "u");
    const up = await fetch(world.url(`/${way}/sink?id=${id}`), { method: "PUT", body });
    expect(await up.text()).toBe("20000000");
    const down = await fetch(world.url(`/${way}/file?bytes=20000000`));
    expect((await down.arrayBuffer()).byteLength).toBe(20_000_000);
  });

  test("a client that reads nothing holds an endless answer up, and its end reaches the sender", async () => {
    const id = newId();
    const before = world.memory();
    const socket = await unread(`/${way}/endless?id=${id}`);
    const sent = await standstill(id, "sent");
    console.log(`${way}: bytes sent to a stalled client`, sent, "resident MiB", { before, after: world.memory() });
    expect(sent).toBeLessThan(HELD_MAX);
    socket.destroy();
    await until("the application hears of it", async () => (await world.state(id)).closed);
  });

  test("an application that reads nothing holds an endless upload up, and the client's end reaches it", async () => {
    const id = newId();
    const upload = request(world.url(`/${way}/sink?hold&id=${id}`), { method: "PUT" });
    upload.on("error", () => undefined);
    const chunk = Buffer.alloc(64 * 1024, "u");
    let written = 0;
    let isFull = false;
    const more = (): void => {
      if (upload.destroyed) return;
      written += chunk.length;
      isFull = !upload.write(chunk);
      if (isFull) upload.once("drain", more);
      else setImmediate(more);
    };
    more();
    const stalled = await until("it stands still", async () => {
      const bytes = written;
      await delay(500);
      return isFull && written === bytes && bytes;
    });
    expect(stalled).toBeLessThan(HELD_MAX);
    console.log(`${way}: bytes taken for a stalled application`, stalled, "resident MiB", world.memory());
    upload.destroy();
    // It hears of the end when it reads on.
    await world.go(id);
    await until("the application hears of it", async () => (await world.state(id)).closed);
    expect((await world.state(id)).complete).toBe(false);
  });

  test("a client that leaves in the middle of an upload leaves no complete request behind", async () => {
    const id = newId();
    const socket = connect(world.plain, "127.0.0.1");
    const head = `PUT /${way}/sink?id=${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`;
    socket.write(`${head}${"u".repeat(100_000)}`);
    await until("some of it is there", async () => (await world.state(id)).received > 0);
    socket.destroy();
    await until("the application hears of it", async () => (await world.state(id)).closed);
    expect((await world.state(id)).complete).toBe(false);
  });

  test.each(["length", "chunked"])("an answer that breaks off is broken for the client, by %s", async (framing) => {
    const path = `/${way}/broken`;
    const response = await fetch(world.url(`${path}?${framing}`));
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    await until("the line", () => world.broken().some((one) => one.path === path && one.code === "upstream_reset"));
  });

  test("trailers of an answer end at the gateway", async () => {
    const socket = connect(world.plain, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write(`GET /${way}/trailers HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\n\r\n`);
    await until("the end", () => text.endsWith("0\r\n\r\n"));
    expect(text).toContain("4\r\nbody\r\n");
    socket.destroy();
  });
});

describe("JSON that is edited on its way", () => {
  const COUNT = 30_000;
  const edited = itemsBytes(COUNT, EDITED_ITEM);
  const upload = (id: string, body: Iterable<Buffer>): Promise<Response> =>
    fetch(world.url(`/edited/sink?id=${id}`), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: Readable.toWeb(Readable.from(body, { objectMode: false })) as ReadableStream<Uint8Array>,
      duplex: "half",
    } as RequestInit);

  test("more than is held, down and up", async () => {
    const before = world.memory();
    const down = await fetch(world.url(`/edited/items?count=${COUNT}`));
    const text = await down.text();
    expect(Buffer.byteLength(text)).toBe(edited);
    expect(text.endsWith(`,${EDITED_ITEM}]}`)).toBe(true);
    const up = await upload(newId(), itemsText(COUNT));
    expect(await up.text()).toBe(String(edited));
    console.log(`${itemsBytes(COUNT)} bytes edited down and up, resident MiB`, { before, after: world.memory() });
  });

  test("a client that reads nothing holds it up, and its end reaches the sender", async () => {
    const id = newId();
    const socket = await unread(`/edited/items?count=1000000000&id=${id}`);
    expect(await standstill(id, "sent")).toBeLessThan(HELD_MAX);
    socket.destroy();
    await until("the application hears of it", async () => (await world.state(id)).closed);
  });

  test("what turns out to be no JSON is refused, and the upstream has no whole request of it", async () => {
    const id = newId();
    const { status } = await upload(id, [...itemsText(COUNT), Buffer.from("]")]);
    expect(status).toBe(400);
    await until("the application hears of it", async () => (await world.state(id)).closed);
    expect((await world.state(id)).complete).toBe(false);
  });
});

describe("a route's `maxBody`", () => {
  test("holds for a body that does not state its length, while it comes", async () => {
    const id = newId();
    const upload = request(world.url(`/small/sink?id=${id}`), { method: "PUT" });
    upload.on("error", () => undefined);
    const answered = once(upload, "response");
    for (let sent = 0; sent < 3 * MiB; sent += 64 * 1024) upload.write(Buffer.alloc(64 * 1024, "u"));
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    upload.destroy();
    const { received, complete } = await until("the application hears of it", async () => {
      const state = await world.state(id);
      return state.closed && state;
    });
    expect(complete).toBe(false);
    expect(received).toBeLessThanOrEqual(MiB);
  });
});

describe("ingress agents behind one gateway", () => {
  /** Calls into the mesh one after the other, by a few clients, until it is told to stop. @returns what was not answered 200 */
  function load(methods: readonly string[]): () => Promise<string[]> {
    const failed: string[] = [];
    let goesOn = true;
    const client = async (): Promise<void> => {
      for (let at = 0; goesOn; at++) {
        const method = methods[at % methods.length] as string;
        const path = method === "GET" ? "state?id=load" : "sink?id=load";
        const response = await fetch(world.url(`/mesh/${path}`), {
          method,
          ...(method === "POST" && { body: "body" }),
        });
        const text = await response.text();
        if (response.status !== 200) failed.push(`${method} ${response.status} ${text}`);
      }
    };
    const clients = Promise.all(Array.from({ length: 4 }, client));
    return async () => {
      goesOn = false;
      await clients;
      return failed;
    };
  }

  const isCalled = (admin: number): Promise<unknown> =>
    until(
      "the gateway calls it",
      async () => {
        await (await fetch(world.url("/mesh/state?id=load"))).text();
        const metrics = await fetch(`http://127.0.0.1:${admin}/metrics`).then(
          (response) => response.text(),
          () => "",
        );
        return /^selvage_requests_total\{.*\} [1-9]/m.test(metrics);
      },
      40_000,
    );

  test("leave one after the other without a failed request, and one that dies costs no GET", async () => {
    const ports = await freePorts(6);
    const start = async (listen: number, admin: number): Promise<ChildProcess> => {
      const agent = await world.startIngress(listen, admin);
      await isCalled(admin);
      return agent;
    };
    const [a = 0, b = 0, c = 0, ...admins] = ports;
    const [first, second, third] = await Promise.all([a, b, c].map((port, at) => start(port, admins[at] ?? 0)));
    const stopLoad = load(["GET", "POST"]);
    const drains: number[] = [];
    for (const agent of [first as ChildProcess, second as ChildProcess]) {
      const startMs = performance.now();
      const over = once(agent, "exit");
      agent.kill("SIGTERM");
      expect(await over).toEqual([0, null]);
      drains.push(Math.round(performance.now() - startMs));
    }
    expect(await stopLoad()).toEqual([]);
    // At its bound each would have gone on for longer than that.
    expect(Math.max(...drains)).toBeLessThan(limits.control.drainBoundMs);
    const stopReading = load(["GET"]);
    third?.kill("SIGKILL");
    await once(third as ChildProcess, "exit");
    await delay(300);
    expect(await stopReading()).toEqual([]);
  });
});
