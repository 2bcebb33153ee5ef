/** nginx as people run it in front of a service: one worker that forwards over kept-alive connections. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../cli/local/ports.ts";
import type { OpenSystem } from "../../cli/local/system.ts";
import { listens } from "../../cli/local/worker-process.ts";
import type { Running } from "./routes.ts";

export const NGINX = "/usr/sbin/nginx";

/** `/nginx/` forwards, `/nginxLimit/` forwards what `limit_req` lets pass, which is everything. */
export async function startNginx({ supervisor, state }: OpenSystem, upstream: number): Promise<Running> {
  const port = await freePort();
  const folder = path.join(state, "nginx");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port, upstream));
  const { pid } = await supervisor.start({
    name: "nginx",
    role: "idp",
    service: "nginx",
    version: "bench",
    command: NGINX,
    args: ["-p", folder, "-c", file, "-e", path.join(folder, "error.log")],
    environment: {},
    logFile: supervisor.logFile("nginx"),
    ports: { http: port },
    ready: (signal) => listens("127.0.0.1", port, signal),
  });
  return { port, pid };
}

function configuration(folder: string, port: number, upstream: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${path.join(folder, kind)};`,
  );
  return `daemon off;
master_process off;
worker_processes 1;
pid ${path.join(folder, "nginx.pid")};
events { worker_connections 1024; }
http {
${temporary.join("\n")}
  access_log ${path.join(folder, "access.log")};
  limit_req_zone $binary_remote_addr zone=clients:10m rate=1000000r/s;
  upstream app { server 127.0.0.1:${upstream}; keepalive 64; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port};
    location /nginx/ { proxy_pass http://app; }
    location /nginxLimit/ { limit_req zone=clients burst=100000 nodelay; proxy_pass http://app; }
  }
}
`;
}
