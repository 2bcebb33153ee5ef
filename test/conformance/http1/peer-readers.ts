/** The parsers beside ours: llhttp as `node:http` uses it, and nginx as a reverse proxy with the settings that it comes with. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Understood } from "./echo-server.ts";
import { speak } from "./raw-client.ts";
import { type RequestReading, type ResponseReading, statusesOf, understoodIn } from "./readings.ts";

const NGINX = "/usr/sbin/nginx";

export const hasNginx = existsSync(NGINX);

/** `nginx/1.22.1`. */
export function nginxVersion(): string {
  return /nginx\/[\d.]+/.exec(spawnSync(NGINX, ["-v"], { encoding: "utf8" }).stderr)?.[0] ?? "nginx";
}

/** Says a row's bytes to a listener that echoes what it has understood. */
export async function readRequest(port: number, raw: string, quietMs?: number): Promise<RequestReading> {
  const { text, closed } = await speak(port, raw, quietMs);
  return { statuses: statusesOf(text), closed, understood: understoodIn(text) };
}

/** An application on `node:http` that echoes each request as its parser has understood it. */
export async function startNodeEcho(): Promise<http.Server> {
  const server = http.createServer({ maxHeaderSize: 256 * 1024 });
  const echo = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("latin1");
    });
    request.on("error", () => undefined);
    request.on("end", () => {
      const { method = "", url = "", rawHeaders, rawTrailers } = request;
      const understood: Understood = {
        method,
        target: url,
        fields: pairs(rawHeaders),
        body,
        trailers: pairs(rawTrailers),
      };
      response.end(JSON.stringify(understood));
    });
  };
  server.on("request", echo);
  server.on("checkContinue", echo);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

export const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""]] : []));
}

/**
 * What `node:http` makes of an answer.
 * @param port of the upstream, or of a proxy before it
 */
export function readResponse(port: number, method: string, target: string, quietMs = 500): Promise<ResponseReading> {
  return new Promise((resolve) => {
    const request = http.request({ host: "127.0.0.1", port, method, path: target, agent: false });
    request.setTimeout(quietMs, () => request.destroy());
    const refused = (): void => resolve({ verdict: "refused" });
    request.on("error", refused);
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve({ verdict: "accepted", status: 101 });
    });
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString("latin1");
      });
      response.on("error", () => resolve({ verdict: "broken", status, body }));
      response.on("end", () => resolve({ verdict: "accepted", status, body }));
    });
    request.end();
  });
}

/** As `readResponse` through nginx, which says 502 or 504 instead of what it refuses. */
export async function readThroughNginx(port: number, method: string, target: string): Promise<ResponseReading> {
  const reading = await readResponse(port, method, target, 4_000);
  return reading.status === 502 || reading.status === 504 ? { verdict: "refused" } : reading;
}

export class NginxProxy {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  /** One worker before an upstream at a port of loopback, over kept-alive connections. */
  static async start(upstream: number): Promise<NginxProxy> {
    const folder = mkdtempSync(path.join(tmpdir(), "selvage-nginx-"));
    const port = await freePort();
    const file = path.join(folder, "nginx.conf");
    writeFileSync(file, configuration(folder, port, upstream));
    mkdirSync(path.join(folder, "logs"), { recursive: true });
    const child = spawn(NGINX, ["-p", folder, "-c", file, "-e", path.join(folder, "error.log")], { stdio: "ignore" });
    const proxy = new NginxProxy(port, child, folder);
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    }
    return proxy;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(folder: string, port: number, upstream: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${path.join(folder, kind)};`,
  );
  return `daemon off;
master_process off;
pid ${path.join(folder, "nginx.pid")};
events { worker_connections 1024; }
http {
${temporary.join("\n")}
  access_log off;
  large_client_header_buffers 4 64k;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_read_timeout 1s;
  proxy_next_upstream off;
  upstream app { server 127.0.0.1:${upstream} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://app; }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => setTimeout(() => resolve(false), 20));
  });
}
