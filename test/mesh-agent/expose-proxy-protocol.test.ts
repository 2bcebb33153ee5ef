/** An exposed service behind a load balancer that speaks the PROXY protocol; which ones do, the plan says. */
import { connect } from "node:net";
import * as tls from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { proxyV2 } from "../support/proxy-header.ts";
import { until } from "./support/agents.ts";
import { ExposedWorld } from "./support/exposed-world.ts";

let world: ExposedWorld;
beforeAll(async () => {
  world = await ExposedWorld.start();
}, 40_000);
afterAll(() => world.end());

/** @returns the status, 0: the connection ended without an answer */
function ask(path: string, header?: Buffer): Promise<number> {
  const socket = connect({ port: world.port, host: "127.0.0.1" });
  if (header !== undefined) socket.write(header);
  const ca = world.certificate.authority.rootPem;
  const secure = tls.connect({ socket, servername: "localhost", ca, checkServerIdentity: () => undefined });
  secure.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return new Promise((resolve) => {
    let text = "";
    secure.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    secure.on("error", () => undefined);
    secure.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0)));
  });
}

test("limits count by the client's address, and the plan says whose word is believed", async () => {
  const host = { hosts: ["localhost"] };
  const set = (proxyProtocol?: readonly string[]): void =>
    world.control.setPlan("shop", {
      expose: world.expose({ ...host, ...(proxyProtocol !== undefined && { proxyProtocol }) }),
      access: [],
    });
  set();
  await until("the plan is there", async () => (await ask("/public/1")) === 200);
  expect(await ask("/public/1", proxyV2("198.51.100.7", 1))).toBe(0);
  set(["127.0.0.1"]);
  await until("the header is believed", async () => (await ask("/public/1", proxyV2("198.51.100.7", 1))) === 200);
  expect(await ask("/public/1")).toBe(0);
  await until("it is logged", () => world.agent.stdout.includes("does not begin with a PROXY header"));
  const limited = async (address: string): Promise<number> => ask("/limited", proxyV2(address, 1));
  const statuses: number[] = [];
  for (const last of [7, 7, 7, 8]) statuses.push(await limited(`198.51.100.${last}`));
  expect(statuses.map((status) => status === 429)).toEqual([false, false, true, false]);
  const line = (): Record<string, unknown> | undefined => world.agent.log("expose").at(-1);
  await until("the log names the client", () => JSON.stringify(line()).includes("198.51.100.8"));
});
