/** HTTP/2 proxies of others with one worker each, and what loads them: Debian's nghttp2, HAProxy and nginx. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../cli/local/ports.ts";
import { accepts } from "./accepts.ts";
import { nginxText } from "./nginx-text.ts";

const H2LOAD = "/usr/bin/h2load";
const NGHTTPD = "/usr/sbin/nghttpd";
const HAPROXY = "/usr/sbin/haproxy";
const NGINX = "/usr/sbin/nginx";

export interface Process {
  readonly port: number;
  readonly pid: number;
}

export interface Load {
  readonly connections: number;
  /** Requests of a connection at a time. */
  readonly streams: number;
  readonly requests: number;
}

export class Http2Peers {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  /** @param folder for their files, which is there. @throws Error when a program is missing */
  constructor(folder: string) {
    this.#folder = folder;
    for (const program of [H2LOAD, NGHTTPD])
      if (!existsSync(program)) throw new Error(`${program} is missing: apt-get install nghttp2-client nghttp2-server`);
    writeFileSync(path.join(folder, "request"), "q".repeat(200));
  }

  /** Answers with 1 KB and a gRPC status in its trailers. */
  async upstream(): Promise<Process> {
    const root = path.join(this.#folder, "www");
    mkdirSync(root);
    writeFileSync(path.join(root, "call"), "a".repeat(1_024));
    return this.start(NGHTTPD, (port) => ["--no-tls", "-n", "1", "--trailer=grpc-status: 0", "-d", root, String(port)]);
  }

  /** @returns undefined where it is not installed */
  async haproxy(upstream: number): Promise<Process | undefined> {
    return existsSync(HAPROXY)
      ? this.#configured(HAPROXY, "haproxy.cfg", upstream, haproxyConfiguration, ["-db", "-f"])
      : undefined;
  }

  /** @returns undefined where it is not installed */
  async nginx(upstream: number): Promise<Process | undefined> {
    const configuration = (port: number): string => nginxConfiguration(this.#folder, port, upstream);
    const args = ["-e", path.join(this.#folder, "error.log"), "-p", this.#folder, "-c"];
    return existsSync(NGINX) ? this.#configured(NGINX, "nginx.conf", upstream, configuration, args) : undefined;
  }

  async #configured(
    program: string,
    name: string,
    upstream: number,
    configuration: (port: number, upstream: number) => string,
    args: readonly string[],
  ): Promise<Process> {
    const file = path.join(this.#folder, name);
    return this.start(program, (port) => {
      writeFileSync(file, configuration(port, upstream));
      return [...args, file];
    });
  }

  /** @param args for the port that it is to listen on */
  async start(
    program: string,
    args: (port: number) => readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Process> {
    const port = await freePort();
    const env = { ...process.env, ...environment, PORT: String(port) };
    const child = spawn(program, args(port), { env, stdio: ["ignore", "ignore", "inherit"] });
    this.#children.push(child);
    for (const end = Date.now() + 10_000; !(await accepts(port)); await sleep(20))
      if (Date.now() > end || child.exitCode !== null) throw new Error(`${program} does not listen`);
    return { port, pid: child.pid ?? 0 };
  }

  /** @throws Error when a call fails. @returns seconds that it took */
  async load(port: number, { connections, streams, requests }: Load): Promise<number> {
    const body = path.join(this.#folder, "request");
    const sizes = ["-n", String(requests), "-c", String(connections), "-m", String(streams)];
    const fields = [":authority: orders.mesh", "content-type: application/grpc", "te: trailers"];
    const args = [...sizes, "-d", body, ...fields.flatMap((field) => ["-H", field])];
    const child = spawn(H2LOAD, [...args, `http://127.0.0.1:${port}/call`], { stdio: ["ignore", "pipe", "inherit"] });
    const startMs = performance.now();
    let text = "";
    for await (const chunk of child.stdout) text += chunk;
    if (!text.includes(`${requests} succeeded, 0 failed`)) throw new Error(`calls failed:\n${text}`);
    return (performance.now() - startMs) / 1_000;
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }
}

function haproxyConfiguration(port: number, upstream: number): string {
  return `global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend front
  bind 127.0.0.1:${port} proto h2
  default_backend back
backend back
  server app 127.0.0.1:${upstream} proto h2
`;
}

function nginxConfiguration(folder: string, port: number, upstream: number): string {
  return nginxText(
    folder,
    `  access_log off;
  upstream app { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} http2;
    location / { grpc_pass grpc://app; }
  }`,
  );
}
