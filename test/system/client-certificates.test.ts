/** nginx terminates TLS with client certificates before the gateway on plain workerd; the example's own configuration. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority, type TestAuthority, type TestLeaf } from "../support/certificates.ts";
import { type Served, serveDocument } from "../support/serve.ts";
import { ended, freePorts, root, until } from "../support/system.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const hasNginx = spawnSync("nginx", ["-v"]).error === undefined;
if (!hasNginx) console.warn("nginx is not installed: client certificates behind a terminator of TLS are not tried");

interface Answer {
  readonly status: number;
  readonly code?: string;
}
interface Call {
  readonly leaf?: TestLeaf;
  readonly headers?: Record<string, string>;
}

describe.skipIf(!hasNginx)("behind nginx", () => {
  const folder = mkdtempSync(join(tmpdir(), "selvage-nginx-"));
  let served: Served;
  let nginx: ChildProcess;
  let port = 0;
  let authority: TestAuthority;
  let [device, other, foreign]: (TestLeaf | undefined)[] = [];

  beforeAll(async () => {
    authority = await makeAuthority("devices.example");
    const server = await authority.issue("server", { dnsNames: ["localhost"] });
    [device, other] = [await authority.issue("device-7"), await authority.issue("device-8")];
    foreign = await (await makeAuthority("foreign.example")).issue("device-7");
    served = await serveDocument("examples/client-certificates/selvage.yaml", {
      SECRET_LOGIN_JWT: SECRET,
      DEVICES_CA: "O=devices.example,CN=issuer",
    });
    [port = 0] = await freePorts(1);
    const config = readFileSync(join(root, "examples/client-certificates/nginx.conf"), "utf8")
      .replace("127.0.0.1:8443", `127.0.0.1:${port}`)
      .replace("127.0.0.1:8787", `127.0.0.1:${served.port}`);
    const files = { "nginx.conf": config, "server.pem": server.certPem, "server.key": server.keyPem };
    for (const [name, text] of Object.entries({ ...files, "devices-ca.pem": authority.rootPem }))
      writeFileSync(join(folder, name), text);
    nginx = spawn("nginx", ["-p", `${folder}/`, "-c", "nginx.conf"], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    nginx.stderr?.on("data", (text) => {
      said += text;
    });
    await until("nginx answers", async () => {
      if (nginx.exitCode !== null) throw new Error(`nginx ended: ${said}`);
      return get("/nothing").then(
        ({ status }) => status === 404,
        () => false,
      );
    });
  });
  afterAll(async () => {
    nginx.kill("SIGQUIT");
    await ended(nginx);
    await served.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function get(path: string, { leaf, headers = {} }: Call = {}): Promise<Answer> {
    const tls = { ca: authority.rootPem, servername: "localhost", agent: false as const };
    const shown = leaf === undefined ? {} : { cert: leaf.certPem, key: leaf.keyPem };
    return new Promise((done, fail) => {
      const sent = request(
        { host: "127.0.0.1", port, path, headers: { host: `localhost:${port}`, ...headers }, ...tls, ...shown },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          response.on("end", () => {
            const code = text.startsWith("{") ? (JSON.parse(text) as { code?: string }).code : undefined;
            done({ status: response.statusCode ?? 0, ...(code !== undefined && { code }) });
          });
        },
      );
      sent.on("error", fail);
      sent.end();
    });
  }
  const escaped = (leaf: TestLeaf | undefined): string =>
    encodeURIComponent(new X509Certificate(leaf?.certPem ?? "").toString());
  const missing = { status: 401, code: "credentials_missing" };
  const invalid = { status: 401, code: "credentials_invalid" };

  test("the device's certificate names it, and goes no further", async () => {
    expect(await get("/telemetry/1", { leaf: device as TestLeaf })).toEqual({ status: 200 });
    const [seen] = served.seen.slice(-1);
    expect(Object.keys(seen ?? {}).filter((name) => name.includes("cert"))).toEqual([]);
    expect(seen).toMatchObject({ "x-forwarded-proto": "https" });
    await until("the log names it", () => served.log("gateway").includes("spiffe://devices.example/service/device-7"));
  });

  test("nobody without one, with a forged field or with both", async () => {
    expect(await get("/telemetry/1")).toEqual(missing);
    const forged = {
      "x-ssl-client-cert": escaped(device),
      "client-cert": ":AAAA:",
      x_ssl_client_cert: escaped(device),
    };
    expect(await get("/telemetry/1", { headers: forged })).toEqual(missing);
    await get("/telemetry/1", { leaf: other as TestLeaf, headers: forged });
    await until("the log names its own", () =>
      served.log("gateway").includes("spiffe://devices.example/service/device-8"),
    );
  });

  test("a certificate of another CA is refused by nginx", async () => {
    const before = served.log("gateway").split("\n").length;
    expect((await get("/telemetry/1", { leaf: foreign as TestLeaf })).status).toBe(400);
    expect(served.log("gateway").split("\n").length).toBe(before);
  });

  async function tokenFor(cnf: object | undefined): Promise<string> {
    return new SignJWT(cnf === undefined ? {} : { cnf })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("https://login.example.com/")
      .setAudience("orders")
      .setSubject("ann")
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(SECRET));
  }

  test("a bound token passes with its certificate alone", async () => {
    const { raw } = new X509Certificate(device?.certPem ?? "");
    const token = await tokenFor({ "x5t#S256": createHash("sha256").update(raw).digest("base64url") });
    const headers = { authorization: `Bearer ${token}` };
    expect(await get("/orders/1", { headers, leaf: device as TestLeaf })).toEqual({ status: 200 });
    expect(await get("/orders/1", { headers, leaf: other as TestLeaf })).toEqual(invalid);
    expect(await get("/orders/1", { headers })).toEqual(invalid);
    expect(await get("/orders/1", { headers: { ...headers, "x-ssl-client-cert": escaped(device) } })).toEqual(invalid);
    expect(await get("/admin/1", { headers, leaf: device as TestLeaf })).toEqual({ status: 200 });
    expect((await get("/admin/1", { leaf: device as TestLeaf })).status).toBe(401);
  });

  test("a DPoP proof is for the URL with https that the client called", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const jwk = await exportJWK(publicKey);
    const token = await tokenFor({ jkt: await calculateJwkThumbprint(jwk) });
    const show = async (htu: string): Promise<Answer> => {
      const ath = createHash("sha256").update(token).digest("base64url");
      const dpop = await new SignJWT({ jti: crypto.randomUUID(), htm: "GET", htu, ath })
        .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk })
        .setIssuedAt()
        .sign(privateKey);
      return get("/orders/1", { headers: { authorization: `DPoP ${token}`, dpop } });
    };
    expect(await show(`https://localhost:${port}/orders/1`)).toEqual({ status: 200 });
    expect(await show(`http://localhost:${port}/orders/1`)).toEqual(invalid);
    expect(await show(`http://127.0.0.1:${served.port}/orders/1`)).toEqual(invalid);
  });
});
