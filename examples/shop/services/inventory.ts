/** GET /items/ID -> { item, inStock, warehouse }. Only orders may call it, says the mesh; the service itself does not care. */
import { methodNotAllowed, notFound, serve } from "./server.ts";

const warehouses = ["Bremen", "Lyon", "Porto"];

serve("inventory", ({ method, url }) => {
  const item = /^\/items\/([^/]+)$/.exec(url.pathname)?.[1];
  if (item === undefined) return notFound();
  if (method !== "GET" && method !== "HEAD") return methodNotAllowed("GET, HEAD");
  let sum = 0;
  for (const character of item) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return {
    status: 200,
    body: { item: decodeURIComponent(item), inStock: sum % 100, warehouse: warehouses[sum % warehouses.length] },
  };
});
