/**
 * The supervisor's API on loopback, for `demo:restart`:
 *
 *   POST /v1/restart { name } -> { started, entries: ProcessEntry[] }, 404 for unknown names, 500 with `error`
 *
 * Every call needs the bearer token that stands in local.json (mode 0600).
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import * as z from "zod";
import type { Supervisor } from "./supervisor.ts";

export interface SupervisorApi {
  readonly url: string;
  readonly token: string;
  close(): void;
}

const restartSchema = z.object({ name: z.string().max(128) });
const BODY_BYTES_MAX = 4096;

export async function serveSupervisorApi(supervisor: Supervisor): Promise<SupervisorApi> {
  const token = randomBytes(32).toString("base64url");
  const server = createServer((request, response) => {
    handle(supervisor, token, request).then(
      ({ status, body }) => answer(response, status, body),
      (error: unknown) => answer(response, 500, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, token, close };
}

async function handle(
  supervisor: Supervisor,
  token: string,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  if (!bearerIs(request.headers.authorization, token)) return { status: 401, body: { error: "token is not valid" } };
  if (request.method !== "POST" || request.url !== "/v1/restart") return { status: 404, body: { error: "not found" } };
  const { name } = restartSchema.parse(JSON.parse(await readBody(request)));
  if (!supervisor.names.includes(name)) {
    const known = supervisor.names.join(", ");
    return { status: 404, body: { error: `no process is named ${name}; there are ${known}` } };
  }
  return { status: 200, body: await supervisor.restart(name) };
}

function bearerIs(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new Error("the request is too large");
  }
  return text;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
