/** What callers see of each fault, through real agents: a row says what breaks, and what becomes of a GET and of a POST. */
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "./support/agents.ts";
import { freeze, type Instance, MeshWorld, wake } from "./support/mesh-world.ts";
import { plain } from "./support/raw-app.ts";
import { StuckListener } from "./support/stuck-listener.ts";

let world: MeshWorld;
/** What a client gets that never comes to the end of its head; it goes on while the others are served. */
let slowHead: Promise<string>;
beforeAll(async () => {
  world = await MeshWorld.start(2);
  slowHead = sendHeadSlowly(world.caller.runtime.ports.outbound ?? 0);
}, 60_000);
afterAll(() => world.end());

function sendHeadSlowly(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => undefined);
  socket.write("GET /slow HTTP/1.1\r\nHost: callee.mesh\r\n");
  const drip = setInterval(() => socket.write("X: y\r\n"), 200);
  return new Promise((resolve) => {
    socket.on("close", () => {
      clearInterval(drip);
      resolve(answer);
    });
  });
}

interface Row {
  readonly fault: string;
  /** Breaks the first instance; the second is well. */
  readonly breaks: (instance: Instance) => void | Promise<void>;
  readonly mends?: (instance: Instance) => void | Promise<void>;
  /** Status and code of a POST that meets the fault; absent: it goes to the other instance and succeeds. */
  readonly post?: readonly [number, string];
  /** The same of any request where there is no other instance; 0: its connection breaks off. */
  readonly alone: readonly [number, string];
}

const rows: Row[] = [
  {
    fault: "the application refuses connections",
    breaks: ({ app }) => app.refuse(),
    mends: ({ app }) => app.listenAgain(),
    alone: [503, "app_unreachable"],
  },
  {
    fault: "the application resets before the head",
    breaks: ({ app }) => {
      app.behave = (socket) => socket.resetAndDestroy();
    },
    post: [502, "app_reset"],
    alone: [502, "app_reset"],
  },
  {
    fault: "the application closes without an answer",
    breaks: ({ app }) => {
      app.behave = (socket) => socket.end();
    },
    post: [502, "app_reset"],
    alone: [502, "app_reset"],
  },
  {
    fault: "the application resets in the middle of the head",
    breaks: ({ app }) => {
      app.behave = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Le", () => socket.resetAndDestroy());
    },
    post: [502, "app_reset"],
    alone: [502, "app_reset"],
  },
  {
    fault: "the application answers nonsense",
    breaks: ({ app }) => {
      app.behave = (socket) => socket.write("SSH-2.0-OpenSSH_9.0\r\n");
    },
    post: [502, "upstream_invalid"],
    alone: [502, "upstream_invalid"],
  },
  {
    fault: "the application sends its head forever",
    breaks: ({ app }) => {
      app.behave = (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        const drip = setInterval(() => socket.write("X: y\r\n"), 50);
        socket.on("close", () => clearInterval(drip));
      };
    },
    post: [504, "upstream_timeout"],
    alone: [504, "upstream_timeout"],
  },
  {
    fault: "the other agent refuses connections",
    breaks: ({ relay }) => relay.close(),
    mends: ({ relay }) => relay.listenAgain(),
    alone: [502, "upstream_unreachable"],
  },
  {
    fault: "the network resets while the application works",
    breaks: ({ app, relay }) => {
      app.behave = () => relay.reset();
    },
    post: [502, "upstream_reset"],
    alone: [502, "upstream_reset"],
  },
  {
    fault: "the other agent vanishes while the application works",
    breaks: ({ app, relay }) => {
      app.behave = () => relay.vanish();
    },
    mends: ({ relay }) => relay.appear(),
    post: [504, "upstream_timeout"],
    alone: [504, "upstream_timeout"],
  },
];

const PER_TRY = { attempts: 2, perTryMs: 500, on: ["reset", "connect-failure"] } as const;
const unique = (() => {
  let count = 0;
  return (): string => `r${count++}`;
})();

afterEach(async () => {
  for (const { app } of world.instances) {
    app.behave = plain(200);
    app.executed.clear();
  }
});

/** Sends requests one after the other until both instances have had their turn. */
async function callInTurn(method: string, count = 4): Promise<{ id: string; status: number; code?: string }[]> {
  const seen = [];
  for (let n = 0; n < count; n++) {
    const id = unique();
    seen.push({ id, ...(await world.call(id, method)) });
  }
  return seen;
}

describe("with another instance that is well", () => {
  test.for(rows)("$fault: every GET succeeds, a POST is carried out once at most", async (row) => {
    const { breaks, mends, post } = row;
    await world.use([world.endpoint(0), world.endpoint(1)], { retries: PER_TRY });
    await breaks(world.instance(0));
    try {
      for (const { id, status } of await callInTurn("GET")) {
        expect({ id, status }).toEqual({ id, status: 200 });
        expect(world.executions(id, "GET")).toBeLessThanOrEqual(2);
      }
      const posts = await callInTurn("POST");
      for (const { id, status } of posts) {
        expect(world.executions(id, "POST")).toBeLessThanOrEqual(1);
        if (status === 200) expect(world.executions(id, "POST")).toBe(1);
      }
      const failed = posts.filter(({ status }) => status !== 200).map(told);
      expect(failed.length > 0).toBe(post !== undefined);
      for (const one of failed) expect(one).toEqual(post);
    } finally {
      await mends?.(world.instance(0));
    }
  });
});

/** Both agents count the time of an attempt; the one that notices first tells its end in its own word. */
function told({ status, code }: { readonly status: number; readonly code?: unknown }): [number, unknown] {
  return [status, code === "deadline_exceeded" ? "upstream_timeout" : code];
}

describe("where there is no other instance", () => {
  test.for(rows)("$fault: the caller is told what happened", async ({ breaks, mends, alone }) => {
    await world.use([world.endpoint(0)], { retries: PER_TRY });
    await breaks(world.instance(0));
    try {
      for (const method of ["GET", "POST"]) {
        expect(told(await world.call(unique(), method))).toEqual(alone);
      }
    } finally {
      await mends?.(world.instance(0));
    }
    world.instance(0).app.behave = plain(200);
    // Mended, it serves again without anybody's help.
    await until("it serves again", async () => (await world.call(unique())).status === 200);
  });
});

describe("connections that hang", () => {
  test("to an instance: every request goes to the other, of any method", async () => {
    const stuck = await StuckListener.start();
    await world.use([world.endpoint(0, { port: stuck.port }), world.endpoint(1)]);
    for (const method of ["GET", "POST"])
      for (const { status } of await callInTurn(method, 2)) expect(status).toBe(200);
    await stuck.close();
  });

  test("in the handshake: the same", async () => {
    world.instance(0).relay.isSilent = true;
    await world.use([world.endpoint(0), world.endpoint(1)]);
    for (const method of ["GET", "POST"])
      for (const { status } of await callInTurn(method, 2)) expect(status).toBe(200);
    world.instance(0).relay.appear();
  });

  test("an agent whose machine stands still: GETs go elsewhere, a POST is told, and carried out once at most", async () => {
    await world.use([world.endpoint(0), world.endpoint(1)], { retries: PER_TRY });
    expect((await world.call(unique())).status).toBe(200);
    expect((await world.call(unique())).status).toBe(200);
    const { agent } = world.instance(0);
    freeze(agent);
    try {
      for (const { status } of await callInTurn("GET")) expect(status).toBe(200);
      const posts = await callInTurn("POST");
      expect(posts.filter(({ status }) => status !== 200).every(({ code }) => code === "upstream_timeout")).toBe(true);
      wake(agent);
      await until("it serves again", async () => {
        const id = unique();
        return (await world.call(id)).status === 200 && world.instance(0).app.executed.has(`GET ${id}`);
      });
      for (const { id } of posts) expect(world.executions(id, "POST")).toBeLessThanOrEqual(1);
    } finally {
      wake(agent);
    }
  });
});

describe("an answer that has begun", () => {
  const cut = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf";

  test.each([
    [
      "the application resets",
      (instance: Instance) => {
        instance.app.behave = (socket) => socket.write(cut, () => setTimeout(() => socket.resetAndDestroy(), 30));
      },
    ],
    [
      "the application closes",
      (instance: Instance) => {
        instance.app.behave = (socket) => socket.end(cut);
      },
    ],
    [
      "the network resets",
      ({ app, relay }: Instance) => {
        app.behave = (socket) => socket.write(cut, () => setTimeout(() => relay.reset(), 30));
      },
    ],
  ])("%s: it breaks off for the caller, and is never tried again", async (_, breaks) => {
    await world.use([world.endpoint(0)], { retries: PER_TRY });
    breaks(world.instance(0));
    const id = unique();
    const { status, body, broken } = await world.call(id);
    expect({ status, body, broken }).toEqual({ status: 200, body: "half", broken: true });
    expect(world.executions(id, "GET")).toBe(1);
  });

  test("and comes slowly is not hurried", async () => {
    await world.use([world.endpoint(0)], { timeoutMs: 500 });
    world.instance(0).app.behave = (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      let left = 10;
      const drip = setInterval(() => {
        socket.write("x");
        if (--left === 0) clearInterval(drip);
      }, 100);
    };
    expect(await world.call(unique())).toMatchObject({ status: 200, body: "x".repeat(10), broken: false });
  });
});

test("a storm of 503 is told as it is, and retries add a fifth at most at a time", async () => {
  await world.use([world.endpoint(0), world.endpoint(1)], { retries: { attempts: 2, on: ["5xx"] } });
  for (const { app } of world.instances) app.behave = plain(503, "busy");
  const ids = Array.from({ length: 200 }, unique);
  const seen = await Promise.all(ids.map((id) => world.call(id)));
  expect(new Set(seen.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(["503 busy"]));
  const total = world.instances.reduce((sum, { app }) => sum + app.total, 0);
  expect(total).toBeLessThanOrEqual(ids.length * 1.3);
});

describe("idle connections that the application closes as we reuse them", () => {
  const closing = (fields: string, laterMs: () => number): void => {
    world.instance(0).app.behave = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`);
      const ms = laterMs();
      if (ms < 1) setImmediate(() => socket.end());
      else setTimeout(() => socket.destroy(), ms);
    };
  };

  test("fail no GET", async () => {
    await world.use([world.endpoint(0)]);
    closing("", () => Math.random() * 4);
    const lanes = Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 250; n++) expect((await world.call(unique())).status).toBe(200);
    });
    await Promise.all(lanes);
  });

  test("nor after it has said close", async () => {
    await world.use([world.endpoint(0)]);
    closing("Connection: close\r\n", () => Math.random() * 2);
    for (let n = 0; n < 100; n++)
      for (const method of ["GET", "POST"]) {
        const id = unique();
        expect((await world.call(id, method)).status).toBe(200);
        expect(world.executions(id, method)).toBe(1);
      }
  });
});

test("an instance whose name leads elsewhere is found at its new address", async () => {
  const { relay } = world.instance(0);
  world.name({ "callee.example": "127.0.0.1" });
  await world.use([world.endpoint(0, { host: "callee.example" })]);
  expect((await world.call(unique())).status).toBe(200);
  await relay.close();
  await relay.listenAgain("127.0.0.2");
  expect((await world.call(unique(), "POST")).code).toBe("upstream_unreachable");
  world.name({ "callee.example": "127.0.0.2" });
  expect((await world.call(unique(), "POST")).status).toBe(200);
  await relay.close();
  await relay.listenAgain();
});

test("an instance that is withdrawn finishes what it has, and gets nothing new", async () => {
  await world.use([world.endpoint(0)]);
  const { app } = world.instance(0);
  let release = (): void => undefined;
  app.behave = (socket, id, method) => {
    if (id === "held") release = () => plain(200, "done")(socket, id, method);
    else plain(200)(socket, id, method);
  };
  const held = world.call("held", "POST");
  await until("it is held", () => app.executed.has("POST held"));
  await world.use([world.endpoint(1)]);
  const later = unique();
  expect((await world.call(later)).status).toBe(200);
  expect(app.executed.has(`GET ${later}`)).toBe(false);
  release();
  expect(await held).toMatchObject({ status: 200, body: "done" });
  expect(world.executions("held", "POST")).toBe(1);
});

test("a client that leaves takes its request along, and it is not tried again", async () => {
  await world.use([world.endpoint(0), world.endpoint(1)], { retries: { attempts: 2, on: ["5xx", "reset"] } });
  let left = 0;
  for (const { app } of world.instances)
    app.behave = (socket) => {
      socket.on("close", () => left++);
    };
  const socket = connect(world.caller.runtime.ports.outbound ?? 0, "127.0.0.1");
  socket.write("GET /left HTTP/1.1\r\nHost: callee.mesh\r\n\r\n");
  await until("the application has it", () => world.executions("left", "GET") === 1);
  socket.destroy();
  await until("the application is told", () => left === 1);
  for (const { app } of world.instances) app.behave = plain(200);
  expect((await world.call(unique())).status).toBe(200);
  expect(world.executions("left", "GET")).toBe(1);
});

test("a client that sends its head slowly is ended", async () => {
  expect(await slowHead).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
  expect(world.instances.some(({ app }) => app.executed.has("GET slow"))).toBe(false);
});
