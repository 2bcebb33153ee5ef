/**
 * Any path that ends in /orders/ID:
 *   GET        -> { id, status, version, inventory }; inventory is asked through the mesh
 *   PUT, POST  -> the same, and counted: POST by its Idempotency-Key
 *   GET .../orders/stats -> what this instance has counted, for tests
 * SERVICE_VERSION (v1 or v2) says which version this process is.
 */
import { contextOf } from "./context.ts";
import { getJson } from "./get-json.ts";
import { type Answer, type Call, methodNotAllowed, notFound, serve } from "./server.ts";

const version = process.env.SERVICE_VERSION ?? "v1";
const INVENTORY_TIMEOUT_MS = 5_000;
const KEYS_MAX = 100_000;

const counts = { GET: 0, PUT: 0, POST: 0 };
/** Times that a POST with this key was carried out. */
const posts = new Map<string, number>();

serve(`orders ${version}`, async (call) => {
  const id = /\/orders\/([^/]+)$/.exec(call.url.pathname)?.[1];
  if (id === undefined) return notFound();
  if (id === "stats") return stats();
  if (call.method === "PUT" || call.method === "POST") await count(call, call.method);
  else if (call.method === "GET" || call.method === "HEAD") counts.GET++;
  else return methodNotAllowed("GET, HEAD, POST, PUT");
  return order(call, decodeURIComponent(id));
});

async function order(call: Call, id: string): Promise<Answer> {
  const status = call.method === "POST" ? "created" : call.method === "PUT" ? "updated" : "shipped";
  const inventory = await inventoryOf(call, id);
  if (inventory === undefined) return { status: 503, body: { error: "inventory does not answer" } };
  return { status: call.method === "POST" ? 201 : 200, body: { id, status, version, inventory } };
}

async function inventoryOf(call: Call, id: string): Promise<unknown> {
  try {
    const url = `http://inventory.mesh/items/${encodeURIComponent(id)}`;
    return await getJson(url, contextOf(call.headers), INVENTORY_TIMEOUT_MS);
  } catch (error) {
    console.error(`orders: inventory: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function count(call: Call, method: "PUT" | "POST"): Promise<void> {
  await call.body();
  counts[method]++;
  const key = call.headers["idempotency-key"];
  if (method !== "POST" || typeof key !== "string") return;
  const oldest = posts.keys().next().value;
  if (posts.size >= KEYS_MAX && oldest !== undefined) posts.delete(oldest);
  posts.set(key, (posts.get(key) ?? 0) + 1);
}

function stats(): Answer {
  return { status: 200, body: { version, pid: process.pid, counts, idempotencyKeys: Object.fromEntries(posts) } };
}
