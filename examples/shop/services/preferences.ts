/** GET /preferences/SUB -> { language, currency, newsletter }; PUT replaces them (kept in memory). */
import { methodNotAllowed, notFound, serve } from "./server.ts";

interface Preferences {
  language: string;
  currency: string;
  newsletter: boolean;
}

const defaults: Preferences = { language: "en", currency: "EUR", newsletter: false };
const KEPT_MAX = 1_000;
const kept = new Map<string, Preferences>();

serve("preferences", async ({ method, url, body }) => {
  const sub = /^\/preferences\/([^/]+)$/.exec(url.pathname)?.[1];
  if (sub === undefined) return notFound();
  if (method === "GET" || method === "HEAD") return { status: 200, body: kept.get(sub) ?? defaults };
  if (method !== "PUT") return methodNotAllowed("GET, HEAD, PUT");
  const preferences = parsePreferences(await body());
  if (preferences === undefined) return { status: 400, body: { error: "expected language, currency, newsletter" } };
  const oldest = kept.keys().next().value;
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  kept.set(sub, preferences);
  return { status: 200, body: preferences };
});

function parsePreferences(text: string): Preferences | undefined {
  try {
    const { language, currency, newsletter } = JSON.parse(text) as Partial<Preferences>;
    if (typeof language !== "string" || typeof currency !== "string" || typeof newsletter !== "boolean") return;
    return { language, currency, newsletter };
  } catch {
    return undefined;
  }
}
