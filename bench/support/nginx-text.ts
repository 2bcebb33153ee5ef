import path from "node:path";

/** The configuration of an nginx with one worker that writes nowhere but into its folder. @param http the rest of its `http` */
export function nginxText(folder: string, http: string): string {
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
  keepalive_requests 100000000;
${http}
}
`;
}
