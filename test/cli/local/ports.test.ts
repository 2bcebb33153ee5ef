import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { freePort, parsePort, takenPorts } from "../../../cli/local/ports.ts";

// Processes are started here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 });

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function hold(port: number, host: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((done) => server.listen(port, host, done));
}

const wish = (port: number) => ({ name: "gateway", host: "127.0.0.1", port, setting: "SELVAGE_GATEWAY_PORT" });

describe("takenPorts", () => {
  test("says nothing of free ports, and leaves them free", async () => {
    const port = await freePort();
    expect(await takenPorts([wish(port)])).toEqual([]);
    await hold(port, "127.0.0.1");
  });

  test.each(["127.0.0.1", "0.0.0.0", "::"])("names the process that listens on %s", async (host) => {
    const port = await freePort();
    await hold(port, host);
    const [sentence = ""] = await takenPorts([wish(port)]);
    expect(sentence).toContain(`port ${port} of the gateway is taken`);
    expect(sentence).toContain("SELVAGE_GATEWAY_PORT");
    if (process.platform === "linux") expect(sentence).toContain(`pid ${process.pid} (`);
  });

  test("two addresses may have the same port, every address and one of them not", async () => {
    const port = await freePort();
    const at = (host: string) => ({ ...wish(port), host });
    expect(await takenPorts([at("127.0.0.1"), at("127.0.0.2")])).toEqual([]);
    for (const every of ["", "0.0.0.0", "::"])
      expect((await takenPorts([at("127.0.0.1"), at(every)])).join()).toContain("is given to both");
  });

  test("names the command of another process", async () => {
    const script = `0,"a-telling-argument";require("net").createServer().listen(0,"127.0.0.1",function(){console.log(this.address().port)})`;
    const child = spawn(process.execPath, ["-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const port = await new Promise<number>((done) => child.stdout.once("data", (text) => done(Number(text))));
      const [sentence = ""] = await takenPorts([wish(port)]);
      if (process.platform === "linux") expect(sentence).toMatch(new RegExp(`pid ${child.pid} \\(.*a-telling-arg`));
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("refuses one port for two parts", async () => {
    const port = await freePort();
    const idp = { ...wish(port), name: "identity provider", setting: "SELVAGE_IDP_PORT" };
    expect(await takenPorts([wish(port), idp])).toEqual([
      `port ${port} is given to both gateway and identity provider (SELVAGE_GATEWAY_PORT, SELVAGE_IDP_PORT)`,
    ]);
  });

  test("says why an address that is not ours cannot be listened on", async () => {
    const [sentence] = await takenPorts([{ ...wish(1), host: "192.0.2.1", port: 8787 }]);
    expect(sentence).toContain("EADDRNOTAVAIL");
  });
});

describe("parsePort", () => {
  test("takes the fallback for nothing", () => {
    expect(parsePort(undefined, 8787, "X")).toBe(8787);
    expect(parsePort("", 8787, "X")).toBe(8787);
    expect(parsePort("65535", 8787, "X")).toBe(65535);
  });
  test.each(["0", "65536", "-1", "80a", "1e3", " 80"])("refuses %j", (value) => {
    expect(() => parsePort(value, 1, "SELVAGE_IDP_PORT")).toThrow(/SELVAGE_IDP_PORT: .*no port/);
  });
});
