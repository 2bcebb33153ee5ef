/** The agent as a client of a Workload API: what comes from there, whole and broken. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Svid } from "../../../mesh-agent/workload-api/messages.ts";
import { readSvids } from "../../../mesh-agent/workload-api/read-svids.ts";
import { SvidStream } from "../../../mesh-agent/workload-api/svid-stream.ts";
import { limits } from "../../../shared/limits.ts";
import { until } from "../../support/system.ts";
import { OutsideAuthority, WorkloadApiServer } from "../../support/workload-api-server.ts";

let folder: string;
const closers: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "selvage-svid-"));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const path = (): string => join(folder, "api.sock");

function follow(hint?: string) {
  const svids: Svid[] = [];
  const troubles: [string, boolean][] = [];
  const stream = new SvidStream({
    ...{ path: path(), hint, random: () => 0.1 },
    onSvid: (svid) => svids.push(svid),
    onTrouble: (message, final) => troubles.push([message, final]),
  });
  closers.push(() => stream.stop());
  stream.start();
  return { svids, troubles };
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(path(), done));
  closers.push(() => server.close());
}

test("each SVID is told, the call is opened again when it ends, and trouble is told once", async () => {
  const followed = follow();
  await until("nobody is there", () => followed.troubles.length > 0);
  const spire = await OutsideAuthority.start("shop.internal");
  const api = await WorkloadApiServer.start(path());
  closers.push(
    () => spire.close(),
    () => api.close(),
  );
  api.tell([await spire.svid("/a")]);
  await until("the first", () => followed.svids.length === 1);
  expect(followed.svids[0]).toMatchObject({ spiffeId: "spiffe://shop.internal/a", trustDomain: "shop.internal" });
  expect(followed.troubles).toEqual([[expect.stringContaining("ENOENT"), false]]);
  api.close();
  await api.open();
  await until("the same again by another call", () => followed.svids.length === 2);
  expect([api.calls, api.unmarked]).toEqual([2, 0]);
});

test("a message beyond the bound is not waited for, nor one of another kind", async () => {
  const spire = await OutsideAuthority.start("shop.internal");
  const api = await WorkloadApiServer.start(path());
  closers.push(
    () => spire.close(),
    () => api.close(),
  );
  const good = await spire.svid("/a");
  api.tell([good], { "spiffe://partner.example": Buffer.alloc(limits.workloadApi.responseBytesMax) });
  const { svids, troubles } = follow();
  await until("it is said", () => troubles.some(([message]) => /a frame of \d+ bytes: it has at most/.test(message)));
  api.tell([good], { "spiffe://partner.example": Buffer.from("rubbish"), "spiffe://shop.internal": spire.bundle });
  await until("what can be used is", () => svids.length > 0);
  expect(svids[0]?.federated).toEqual({});
  expect(troubles.map(([message]) => message).join("\n")).toMatch(
    /the bundle of spiffe:\/\/partner\.example is left out: .* cannot be read[\s\S]*"spiffe:\/\/shop\.internal" is no other trust domain/,
  );
});

test.each([
  [3, true, "code 3: no identity issued"],
  [12, true, "code 12: no identity issued"],
  [7, false, "it has no identity for this process"],
  [14, false, "code 14"],
])("a call that ends with code %i is final: %s", async (code, final, reason) => {
  const api = await WorkloadApiServer.start(path());
  closers.push(() => api.close());
  api.refuses = code;
  const { troubles } = follow();
  const [told] = await until("it is said", () => troubles.length > 0 && troubles);
  expect(told).toEqual([expect.stringContaining(reason), final]);
});

test("HTTP/1.1 is no Workload API", async () => {
  await listen(createServer((_, response) => response.end("hello")));
  const { troubles } = follow();
  await until("it is said", () => troubles.length > 0);
});

test("another service of HTTP/2 is none either", async () => {
  await listen(createHttp2Server((_, response) => void response.writeHead(404).end()));
  const { troubles } = follow();
  await until("it is said", () => troubles.some(([message]) => message.includes("status 404")));
});

test("one that accepts and hangs up is asked with pauses", async () => {
  let calls = 0;
  await listen(
    createTcpServer((socket) => {
      calls++;
      socket.destroy();
    }),
  );
  const { troubles } = follow();
  await until("it was asked several times", () => calls > 3);
  expect(troubles.length).toBeLessThan(calls);
});

const field = (number: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.of((number << 3) | 2, value.length), value]);

test("unknown fields are passed over, and a message that is broken is none", () => {
  const svid = field(
    1,
    Buffer.concat([field(1, Buffer.from("spiffe://a/b")), field(5, Buffer.from("x")), field(9, Buffer.of(1))]),
  );
  const unknown = [Buffer.of(0x78, 0xff, 0x01), Buffer.of(0x79, 0, 0, 0, 0, 0, 0, 0, 0), Buffer.of(0x7d, 0, 0, 0, 0)];
  const read = readSvids(Buffer.concat([...unknown, svid]));
  expect(read).toMatchObject({ svids: [{ spiffeId: "spiffe://a/b", hint: "x", key: Buffer.alloc(0) }], federated: [] });
  expect(readSvids(Buffer.alloc(0))).toEqual({ svids: [], federated: [] });
  for (const bad of ["0a", "0a05", "0aff", "0affffffffffffffffffff01", "0b", "0f", "79", "7d00", "0a020a05", "ff"])
    expect(() => readSvids(Buffer.from(bad, "hex")), bad).toThrow(RangeError);
});
