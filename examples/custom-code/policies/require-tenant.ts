/** Lets requests of known tenants pass, and tells the upstream which one it is. */
import { definePolicy } from "selvage/policy";
import * as z from "zod/mini";

const settings = z.strictObject({
  header: z.string(),
  tenants: z.array(z.string()),
});

export default definePolicy(settings, async (c, next) => {
  const { header, tenants } = c.get("settings");
  const tenant = c.req.query("tenant") ?? tenants[0] ?? "";
  if (!tenants.includes(tenant)) return c.json({ error: "unknown tenant" }, 403);
  c.get("request").headers.set(header, tenant);
  c.set("tenant", tenant);
  await next();
  c.header("x-tenant", tenant);
  return undefined;
});
