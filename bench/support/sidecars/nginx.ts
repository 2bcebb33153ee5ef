/** nginx with one worker: an application that answers with 1 KB, a plain hop, and a pair with mTLS between. */
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../../cli/local/ports.ts";
import { nginxText } from "../nginx-text.ts";
import type { Bed, Proxies } from "./peers.ts";
import { findProgram } from "./programs.ts";

export const GIGABYTE = 1 << 30;

/** @throws Error when nginx is not installed */
export async function startApplication(bed: Bed): Promise<number> {
  const root = path.join(bed.folder, "www");
  mkdirSync(root);
  writeFileSync(path.join(root, "large"), "");
  truncateSync(path.join(root, "large"), GIGABYTE);
  const port = await freePort();
  const server = `
    listen 127.0.0.1:${port};
    location = /1k { default_type application/json; return 200 ${"a".repeat(1_024)}; }
    location / { root ${root}; sendfile on; }`;
  if ((await start(bed, "application", port, "", server)) === undefined)
    throw new Error("nginx is missing: apt-get install nginx-light");
  return port;
}

export async function nginxHop(bed: Bed, app: number): Promise<Proxies | undefined> {
  const port = await freePort();
  const pid = await start(bed, "nginx-hop", port, upstream(app), `listen 127.0.0.1:${port}; ${to("http")}`);
  return pid === undefined ? undefined : { name: "nginx", port, pids: [pid] };
}

export async function nginxPair(bed: Bed, app: number): Promise<Proxies | undefined> {
  const [outer, inner] = [await freePort(), await freePort()];
  const { cert, key, root, name } = bed.identity;
  const server = `
    listen 127.0.0.1:${inner} ssl;
    ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;
    ssl_client_certificate ${root}; ssl_verify_client on; ssl_verify_depth 2;
    ${to("http")}`;
  const client = `
    listen 127.0.0.1:${outer};
    proxy_ssl_certificate ${cert}; proxy_ssl_certificate_key ${key}; proxy_ssl_protocols TLSv1.3;
    proxy_ssl_trusted_certificate ${root}; proxy_ssl_verify on; proxy_ssl_verify_depth 2; proxy_ssl_name ${name};
    ${to("https")}`;
  const second = await start(bed, "nginx-inner", inner, upstream(app), server);
  const first = await start(bed, "nginx-outer", outer, upstream(inner), client);
  return first === undefined || second === undefined
    ? undefined
    : { name: "nginx", port: outer, pids: [first, second] };
}

const upstream = (port: number): string =>
  `upstream next { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 100000000; }`;

const to = (scheme: "http" | "https"): string =>
  `location / { proxy_pass ${scheme}://next; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }`;

async function start(bed: Bed, name: string, port: number, http: string, server: string): Promise<number | undefined> {
  const program = findProgram("nginx", "NGINX");
  if (program === undefined) return undefined;
  const folder = path.join(bed.folder, name);
  mkdirSync(folder);
  const file = path.join(folder, "nginx.conf");
  writeFileSync(file, nginxText(folder, `  access_log off;\n  ${http}\n  server {${server}\n  }`));
  const args = ["-p", folder, "-c", file, "-e", path.join(folder, "error.log")];
  return bed.programs.start(name === "application" ? "others" : "proxies", program, args, port);
}
