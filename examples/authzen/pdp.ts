/**
 * A decision point with the Access Evaluation API of OpenID Authorization API 1.0, and a policy of a few lines. For tests and
 * demonstrations only.
 *
 *   POST /access/v1/evaluation   PORT is where it listens, PDP_TOKEN its bearer token
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Evaluation {
  readonly subject: { readonly type: string; readonly id: string };
  readonly action: { readonly name: string };
  readonly resource: { readonly type: string; readonly id: string };
}

const BODY_BYTES_MAX = 64 * 1024;
const token = process.env.PDP_TOKEN ?? "pdp-token";
const owners: Readonly<Record<string, string>> = { "1": "alice", "2": "bob" };

/** Everyone reads documents that have an owner; who owns one may write it. Reports are for alice. */
function decide({ subject, action, resource }: Evaluation): { decision: boolean; why: string } {
  const owner = Object.hasOwn(owners, resource.id) ? owners[resource.id] : undefined;
  if (resource.type === "document" && owner !== undefined)
    return { decision: action.name === "GET" || owner === subject.id, why: `document ${resource.id} is of ${owner}` };
  if (resource.type === "route" && resource.id === "reports")
    return { decision: subject.id === "alice", why: "reports are for alice" };
  return { decision: false, why: `nothing is known of ${resource.type} ${resource.id}` };
}

const server = createServer(async (request, response) => {
  const id = request.headers["x-request-id"];
  const send = (status: number, body: unknown): void => {
    const headers = { "content-type": "application/json", ...(typeof id === "string" && { "x-request-id": id }) };
    response.writeHead(status, headers).end(JSON.stringify(body));
  };
  if (request.url !== "/access/v1/evaluation" || request.method !== "POST") return send(404, "not found");
  if (request.headers.authorization !== `Bearer ${token}`) return send(401, "the bearer token is not known");
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) return send(413, "the question is too long");
  }
  try {
    const { decision, why } = decide(JSON.parse(text) as Evaluation);
    console.error(`pdp: ${decision} for ${text}`);
    send(200, decision ? { decision } : { decision, context: { reason_admin: { en: why } } });
  } catch {
    send(400, "no evaluation request");
  }
});
server.listen(Number(process.env.PORT ?? 9090), "127.0.0.1", () => {
  console.error(`pdp listens on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
