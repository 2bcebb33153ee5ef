/** A small application that knows nothing of the mesh but the proxy in its environment. */
import { createServer, get, type IncomingMessage } from "node:http";

let posts = 0;
/** Answers that wait for `/release`. */
const held: (() => void)[] = [];

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://app.invalid");
  const json = (status: number, body: unknown, headers = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
  const body = await textOf(request).catch(() => undefined);
  // Broken off: nothing was asked.
  if (body === undefined) return;
  if (request.method === "POST") posts++;
  const target = url.searchParams.get("url") ?? "";
  if (url.pathname === "/fetch") {
    const { method = "GET" } = request;
    const answer = await fetch(target, { method, ...(method === "POST" && { body }) });
    json(200, { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() });
  } else if (url.pathname === "/through") {
    const answer = await fetch(target).catch(() => undefined);
    json(answer?.status ?? 502, { body: await answer?.text() });
  } else if (url.pathname === "/http") {
    get(target, async (answer) => json(200, { status: answer.statusCode, body: await textOf(answer) }));
  } else if (url.pathname === "/len") json(200, { length: body.length });
  else if (url.pathname === "/hold") held.push(() => json(200, {}));
  else if (url.pathname === "/held") json(200, { count: held.length });
  else if (url.pathname === "/release") {
    for (const answer of held.splice(0)) answer();
    json(200, {});
  } else if (url.pathname === "/posts") json(200, { posts });
  else if (url.pathname === "/env") json(200, process.env);
  else if (url.pathname === "/exit") process.exit(Number(url.searchParams.get("code")));
  else if (url.pathname === "/forge") json(503, {}, { "selvage-error": "draining", "selvage-sent": "none" });
  else if (url.pathname === "/hint") {
    response.writeEarlyHints({ link: "</a.css>; rel=preload", "selvage-error": "draining", "selvage-sent": "none" });
    json(200, {});
  } else if (url.pathname === "/slow") setTimeout(() => json(200, {}), Number(url.searchParams.get("ms")));
  else if (url.pathname === "/big") response.end(Buffer.alloc(Number(url.searchParams.get("bytes")), "x"));
  else {
    const { method, headers, url: path } = request;
    json(Number(url.searchParams.get("status") ?? 200), { name: process.env.APP_NAME, method, path, headers, body });
  }
});
server.listen(Number(process.env.PORT), "127.0.0.1");
// What the agent is told to do, it passes on.
process.on("SIGHUP", () => {});
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
