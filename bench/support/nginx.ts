/** nginx as people run it in front of a service: one worker that forwards over kept-alive connections. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../cli/local/ports.ts";
import type { OpenSystem } from "../../cli/local/system.ts";
import { listens } from "../../cli/local/worker-process.ts";
import { nginxText } from "./nginx-text.ts";
import type { Running } from "./routes.ts";

export const NGINX = "/usr/sbin/nginx";

/** `/nginx/` forwards, `/nginxLimit/` forwards what `limit_req` lets pass, which is everything. */
export function startNginx(system: OpenSystem, upstream: number): Promise<Running> {
  return runNginx(
    system,
    "nginx",
    (port) => `
  limit_req_zone $binary_remote_addr zone=clients:10m rate=1000000r/s;
  upstream app { server 127.0.0.1:${upstream}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location /nginx/ { proxy_pass http://app; }
    location /nginxLimit/ { limit_req zone=clients burst=100000 nodelay; proxy_pass http://app; }
  }`,
  );
}

/**
 * Every path to a gateway that believes it, as the documentation has it. `tlsPort` speaks TLS, HTTP/2 by ALPN.
 * @param pem files
 */
export async function startNginxBefore(
  system: OpenSystem,
  gateway: number,
  pem: { readonly cert: string; readonly key: string },
): Promise<Running & { readonly tlsPort: number }> {
  const tlsPort = await freePort();
  const running = await runNginx(
    system,
    "nginx-before",
    (port) => `
  upstream gateway { server 127.0.0.1:${gateway}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl http2;
    ssl_certificate ${pem.cert};
    ssl_certificate_key ${pem.key};
    location / {
      proxy_pass http://gateway;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`,
  );
  return { ...running, tlsPort };
}

/** Every path by `proxy_cache`, as the public cache tests set it up. */
export function startNginxCache(system: OpenSystem, upstream: number): Promise<Running> {
  return runNginx(
    system,
    "nginx-cache",
    (port, folder) => `
  proxy_cache_path ${path.join(folder, "cache")} levels=1:2 keys_zone=cache:8m max_size=1000m inactive=600m;
  upstream app { server 127.0.0.1:${upstream}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_cache cache;
      proxy_cache_revalidate on;
    }
  }`,
  );
}

/** @param http what stands in its `http` block, for a port and a folder of its own */
async function runNginx(
  { supervisor, state }: OpenSystem,
  name: string,
  http: (port: number, folder: string) => string,
): Promise<Running> {
  const port = await freePort();
  const folder = path.join(state, name);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, http(port, folder)));
  const { pid } = await supervisor.start({
    name,
    role: "idp",
    service: name,
    version: "bench",
    command: NGINX,
    args: ["-p", folder, "-c", file, "-e", path.join(folder, "error.log")],
    environment: {},
    logFile: supervisor.logFile(name),
    ports: { http: port },
    ready: (signal) => listens("127.0.0.1", port, signal),
  });
  return { port, pid };
}

function configuration(folder: string, http: string): string {
  return nginxText(
    folder,
    `  access_log ${path.join(folder, "access.log")};
  proxy_http_version 1.1;
  proxy_set_header Connection "";${http}`,
  );
}
