/** Targets by bindings on plain workerd: nginx demands client certificates, and is told a host that is not where it stands. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "../support/certificates.ts";
import { type Served, serveDocument } from "../support/serve.ts";
import { ended, freePorts, until } from "../support/system.ts";

const hasNginx = spawnSync("nginx", ["-v"]).error === undefined;
if (!hasNginx) console.warn("nginx is not installed: upstreams that demand client certificates are not tried");

const nginxConf = (folder: string, port: number): string => `
daemon off; pid ${folder}/pid; error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate server.pem; ssl_certificate_key server.key;
    ssl_client_certificate ca.pem; ssl_verify_client on; ssl_verify_depth 3;
    location / { return 200 "$ssl_client_verify $http_host $ssl_server_name $http_x_forwarded_host $request_uri"; }
  }
}
`;

const documentOf = (port: number): string => `
selvage: 1
name: bound
gateway:
  hosts: [127.0.0.1]
  upstreams:
    anywhere: { targets: [{ mtls: PARTNER, url: "https://localhost:${port}/v2" }] }
    elsewhere: { targets: [{ mtls: FIXED, url: "https://api.partner.example/v2" }] }
    named: { targets: [{ binding: FIXED, url: "https://told.example" }] }
    nobody: { targets: ["https://localhost:${port}"], retries: { attempts: 0 } }
    stranger: { targets: [{ mtls: STRANGER, url: "https://localhost:${port}" }] }
    impostor: { targets: [{ mtls: IMPOSTOR, url: "https://api.partner.example" }], retries: { attempts: 0 } }
    distrusted: { targets: [{ mtls: PUBLIC, url: "https://localhost:${port}" }], retries: { attempts: 0 } }
  routes:
${["anywhere", "elsewhere", "named", "nobody", "stranger", "impostor", "distrusted"]
  .map((name) => `    - { name: ${name}, match: { path: "/${name}/*" }, to: ${name}, rewrite: "/*" }\n`)
  .join("")}`;

describe.skipIf(!hasNginx)("an upstream that demands client certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "selvage-bound-"));
  const at = (name: string): string => join(folder, name);
  let served: Served;
  let nginx: ChildProcess;
  let port = 0;

  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    const [authority, other] = await Promise.all([makeAuthority("partner.example"), makeAuthority("other.example")]);
    const server = await authority.issue("server", { dnsNames: ["localhost", "pay.partner.example"] });
    const [client, stranger] = [await authority.issue("gateway"), await other.issue("gateway")];
    const files = {
      ...{ "nginx.conf": nginxConf(folder, port), "document.yaml": documentOf(port) },
      ...{ "server.pem": server.certPem, "server.key": server.keyPem, "ca.pem": authority.rootPem },
      ...{ "client.pem": client.certPem, "client.key": client.keyPem },
      ...{ "stranger.pem": stranger.certPem, "stranger.key": stranger.keyPem },
      // The one that is needed does not come first.
      "authorities.pem": `${other.rootPem}\n${authority.rootPem}\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text, { mode: 0o600 });
    nginx = spawn("nginx", ["-p", `${folder}/`, "-c", "nginx.conf"], { stdio: "ignore" });
    const identity = [at("client.pem"), at("client.key")];
    served = await serveDocument(at("document.yaml"), {
      MTLS_PARTNER: [...identity, at("authorities.pem")].join(),
      MTLS_FIXED: [...identity, at("ca.pem")].join(),
      BINDING_FIXED: `https://pay.partner.example 127.0.0.1:${port}`,
      MTLS_STRANGER: [at("stranger.pem"), at("stranger.key"), at("ca.pem")].join(),
      MTLS_IMPOSTOR: [...identity, at("ca.pem")].join(),
      BINDING_IMPOSTOR: `https://not.partner.example 127.0.0.1:${port}`,
      MTLS_PUBLIC: identity.join(),
    });
    await until("nginx answers", async () => (await ask("/anywhere/")).startsWith("200"));
  });
  afterAll(async () => {
    await served?.stop();
    nginx.kill("SIGQUIT");
    await ended(nginx);
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (path: string): Promise<string> => {
    const response = await fetch(`${served.url}${path}`);
    return `${response.status} ${await response.text()}`;
  };

  test("is shown one, wherever the URL leads", async () => {
    const told = `200 SUCCESS localhost:${port} localhost 127.0.0.1:${served.port} /v2/a?b=1`;
    expect(await ask("/anywhere/a?b=1")).toBe(told);
  });
  test.each([
    ["elsewhere", "api.partner.example", "/v2/a"],
    ["named", "told.example", "/a"],
  ])("at an address of its own it is told the host of the URL: %s", async (name, host, path) => {
    const told = `200 SUCCESS ${host} pay.partner.example 127.0.0.1:${served.port} ${path}`;
    expect(await ask(`/${name}/a`)).toBe(told);
  });
  test("refuses one that somebody else has issued", async () => {
    expect(await ask("/stranger/a")).toMatch(/^400 .*SSL certificate/s);
  });
  test.each(["nobody", "impostor", "distrusted"])("is not believed, and gets no request: %s", async (name) => {
    expect(await ask(`/${name}/a`)).toMatch(/^502 .*upstream_unreachable/);
  });
  test("the key of the certificate stays in its own file", () => {
    const config = readFileSync(join(served.state, "workers/gateway/workerd.capnp"), "utf8");
    expect(config).toMatch(/privateKey = embed "[^"]*client\.key"/);
    const [, secret = ""] = readFileSync(at("client.key"), "utf8").split(/\r?\n/);
    expect(secret).not.toBe("");
    expect(spawnSync("grep", ["-rlF", secret, served.state]).stdout.toString()).toBe("");
  });
});
