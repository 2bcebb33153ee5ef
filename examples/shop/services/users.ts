/** GET /users/SUB -> { id, name, lastOrderId }. Every subject exists; the id of the last order follows from its name. */
import { methodNotAllowed, notFound, serve } from "./server.ts";

const lastOrders: Readonly<Record<string, string>> = { alice: "42", bob: "43" };

serve("users", ({ method, url }) => {
  const sub = /^\/users\/([^/]+)$/.exec(url.pathname)?.[1];
  if (sub === undefined) return notFound();
  if (method !== "GET" && method !== "HEAD") return methodNotAllowed("GET, HEAD");
  const id = decodeURIComponent(sub);
  const name = id.charAt(0).toUpperCase() + id.slice(1);
  return { status: 200, body: { id, name, lastOrderId: lastOrders[id] ?? orderIdOf(id) } };
});

function orderIdOf(id: string): string {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9000;
  return String(1000 + sum);
}
