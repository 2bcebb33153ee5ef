/** Signed requests and webhooks over real sockets, on plain workerd as `selvage serve` runs it, with the documents of the examples. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RawAnswer, sendRaw } from "../support/raw-http.ts";
import { type Ended, ended, freePorts, root, run, until } from "../support/system.ts";

const MiB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "selvage-signatures-"));
const secret = randomBytes(24).toString("hex");
const keyFile = join(folder, "partner.pem");

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
  readonly digest: string;
}
const seen: Seen[] = [];
let upstream: Server;
let port = 0;
let child: ChildProcess;
let over: Promise<Ended>;

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

beforeAll(async () => {
  const key = await run(process.execPath, ["examples/http-signatures/sign.ts", "key", keyFile]);
  expect(key).toMatchObject({ code: 0, stderr: "" });
  upstream = createServer((request, response) => {
    const hash = createHash("sha256");
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, headers, bytes, digest: hash.digest("hex") });
      response.end("ok");
    });
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const [gateway = 0, control = 0] = await freePorts(2);
  port = gateway;
  const file = join(folder, "selvage.yaml");
  writeFileSync(file, bothExamples());
  child = spawn(
    process.execPath,
    [
      "bin/selvage.mjs",
      "serve",
      "--gateway-port",
      String(gateway),
      "--control-port",
      String(control),
      "--document",
      file,
    ],
    {
      cwd: root,
      env: {
        ...process.env,
        NO_COLOR: "1",
        SELVAGE_STATE: join(folder, "state"),
        ORDERS_URL: target,
        HOOKS_URL: target,
        PARTNER_KEY: key.stdout.trim(),
        SECRET_PARTNER_8: secret,
        SECRET_GITHUB: secret,
        SECRET_STRIPE: secret,
        SECRET_SLACK: secret,
        SECRET_BILLING_NEW: `whsec_${randomBytes(32).toString("base64")}`,
        SECRET_BILLING_OLD: `whsec_${randomBytes(32).toString("base64")}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  over = ended(child);
  let output = "";
  child.stdout?.on("data", (text) => {
    output += text;
  });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
});
afterAll(async () => {
  child?.kill("SIGTERM");
  await over;
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  seen.length = 0;
});

/** One document with the providers and routes of both examples. */
function bothExamples(): string {
  const [one = "", other = ""] = ["http-signatures", "webhooks"].map((name) =>
    readFileSync(join(root, "examples", name, "selvage.yaml"), "utf8"),
  );
  const part = (text: string, from: RegExp, to?: RegExp): string => {
    const start = text.search(from);
    const rest = text.slice(text.indexOf("\n", start) + 1);
    return to === undefined ? rest : rest.slice(0, rest.search(to));
  };
  const identity = part(other, /^ {2}identity:/m, /^ {2}routes:/m);
  const routes = part(other, /^ {2}routes:/m);
  const providers = one.replace(/^ {2}routes:/m, () => `${identity}  routes:`).trimEnd();
  return `${providers}\n${routes}`;
}

const signByExample = (...args: string[]) =>
  run(process.execPath, ["examples/http-signatures/sign.ts", "call", keyFile, ...args]);
const origin = (): string => `http://127.0.0.1:${port}`;

describe("the client of the example", () => {
  test("is let in, with and without content", async () => {
    expect((await signByExample("partner-7-2026", "GET", `${origin()}/orders/1?a=%20b&a=2`)).stdout).toBe("200 ok\n");
    expect(seen[0]).toMatchObject({ method: "GET", url: "/orders/1?a=%20b&a=2" });
    expect(seen[0]?.headers.signature).toBeUndefined();
    const content = JSON.stringify({ text: "grüße ☃" });
    expect((await signByExample("partner-7-2026", "POST", `${origin()}/orders/1`, content)).stdout).toBe("200 ok\n");
    expect(seen[1]).toMatchObject({ bytes: Buffer.byteLength(content), digest: sha256(content) });
  });

  test("is refused with another key or key id", async () => {
    const other = join(folder, "other.pem");
    writeFileSync(other, generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }));
    const script = ["examples/http-signatures/sign.ts", "call"];
    const asOther = await run(process.execPath, [...script, other, "partner-7-2026", "GET", `${origin()}/orders/1`]);
    expect(asOther.stdout).toMatch(/^401 /);
    expect((await signByExample("partner-9", "GET", `${origin()}/orders/1`)).stdout).toMatch(/^401 /);
    expect(seen).toEqual([]);
  });
});

describe("a webhook's body on the wire", () => {
  const macOf = (content: Buffer | string): string =>
    `X-Hub-Signature-256: sha256=${createHmac("sha256", secret).update(content).digest("hex")}`;
  const head = (fields: readonly string[], method = "POST"): string =>
    `${[`${method} /hooks/github HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...fields].join("\r\n")}\r\n\r\n`;
  const send = (...chunks: (string | Buffer)[]): Promise<RawAnswer> => sendRaw(port, chunks);
  const frame = (content: Buffer, size: number): Buffer[] => {
    const frames: Buffer[] = [];
    for (let at = 0; at < content.length; at += size) {
      const chunk = content.subarray(at, at + size);
      frames.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
    }
    return [...frames, Buffer.from("0\r\n\r\n")];
  };

  test.each([1, 70_000, 10 * MiB])("%i bytes, with a length and chunked", async (size) => {
    const content = randomBytes(size);
    const stated = await send(head([macOf(content), `Content-Length: ${size}`, "Connection: close"]), content);
    expect(stated.status).toBe(200);
    const chunks = await send(
      head([macOf(content), "Transfer-Encoding: chunked", "Connection: close"]),
      ...frame(content, 50_000),
    );
    expect(chunks.status).toBe(200);
    const expected = { bytes: size, digest: sha256(content), length: String(size) };
    expect(seen.map(({ bytes, digest, headers }) => ({ bytes, digest, length: headers["content-length"] }))).toEqual([
      expected,
      expected,
    ]);
  });

  test("none: stated as zero, as no chunks, or not at all", async () => {
    for (const framing of [["Content-Length: 0"], [], ["Transfer-Encoding: chunked"]]) {
      const last = framing[0]?.startsWith("Transfer") ? ["0\r\n\r\n"] : [];
      expect((await send(head([macOf(""), ...framing, "Connection: close"]), ...last)).status).toBe(200);
    }
    expect(seen.map(({ bytes }) => bytes)).toEqual([0, 0, 0]);
  });

  test("Expect: 100-continue", async () => {
    const content = Buffer.from("expected");
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write(
      head([macOf(content), "Expect: 100-continue", `Content-Length: ${content.length}`, "Connection: close"]),
    );
    await until("100 Continue", () => text.startsWith("HTTP/1.1 100"), 10_000);
    socket.write(content);
    await until("the answer", () => text.includes("HTTP/1.1 200"), 10_000);
    socket.destroy();
    expect(seen[0]).toMatchObject({ bytes: content.length, digest: sha256(content) });
    expect(seen[0]?.headers.expect).toBeUndefined();
  });

  test("another byte, a wrong signature, or too much of it goes no further", async () => {
    const content = randomBytes(1000);
    const changed = Buffer.from(content);
    changed[999] = (changed[999] ?? 0) ^ 1;
    const length = "Content-Length: 1000";
    expect((await send(head([macOf(content), length, "Connection: close"]), changed)).status).toBe(401);
    expect((await send(head([length, "Connection: close"]), content)).status).toBe(401);
    const large = 10 * MiB + 1;
    expect((await send(head([macOf(content), `Content-Length: ${large}`]))).status).toBe(413);
    const counted = await send(
      head([macOf(content), "Transfer-Encoding: chunked"]),
      ...frame(Buffer.alloc(large), MiB),
    );
    expect([413, undefined]).toContain(counted.status);
    expect(seen).toEqual([]);
  });

  test("what breaks off goes no further, and the next one is served", async () => {
    const content = randomBytes(100_000);
    for (const framing of ["Content-Length: 100000", "Transfer-Encoding: chunked"]) {
      const socket = connect(port, "127.0.0.1");
      const parts = framing.startsWith("T") ? frame(content, 10_000).slice(0, 4) : [content.subarray(0, 50_000)];
      await new Promise<void>((done) =>
        socket.write(Buffer.concat([Buffer.from(head([macOf(content), framing])), ...parts]), () => done()),
      );
      socket.destroy();
    }
    expect((await send(head([macOf("next"), "Content-Length: 4", "Connection: close"]), "next")).status).toBe(200);
    expect(seen.map(({ bytes }) => bytes)).toEqual([4]);
  });
});
