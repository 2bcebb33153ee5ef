/** The same as `forward.ts`, as a handler of Hono. */
import { Hono } from "hono";

const app = new Hono<{ Bindings: { UPSTREAM: string } }>();
app.all("*", (c) => {
  const url = new URL(c.req.url);
  return fetch(new Request(c.env.UPSTREAM + url.pathname + url.search, c.req.raw));
});

export default app;
