/** A browser as far as a login needs one. */
import { setTimeout as delay } from "node:timers/promises";

const TAKEN_WITHIN_MS = 10_000;
const ASKED_AGAIN_MS = 100;

/**
 * Logs somebody in at the shop's test identity provider.
 * @param origin of the gateway
 * @param provider its name in the document
 * @returns the `Cookie` of the session
 * @throws Error when a step of the login is not answered by a redirect
 */
export async function logIn(origin: string, provider: string): Promise<string> {
  const away = await begin(`${origin}/.selvage/${provider}/login`);
  const form = new URLSearchParams(new URL(locationOf(away)).search);
  form.set("username", "alice");
  const authorize = locationOf(away).split("?", 1)[0] as string;
  const agreed = await fetch(authorize, { method: "POST", body: form, redirect: "manual" });
  const back = await fetch(locationOf(agreed), { headers: { cookie: cookiesOf(away) }, redirect: "manual" });
  locationOf(back);
  return cookiesOf(back);
}

/** The gateway knows its endpoints as soon as it has taken the plan. */
async function begin(url: string): Promise<Response> {
  for (const end = Date.now() + TAKEN_WITHIN_MS; ; await delay(ASKED_AGAIN_MS)) {
    const response = await fetch(url, { redirect: "manual" });
    if (response.headers.has("location") || Date.now() > end) return response;
    await response.body?.cancel();
  }
}

function locationOf(response: Response): string {
  const location = response.headers.get("location");
  if (location === null) throw new Error(`${response.url} answers ${response.status} and no redirect`);
  return location;
}

/** Those that are set, without those that are taken away. */
function cookiesOf(response: Response): string {
  const set = response.headers.getSetCookie().filter((line) => !/; Max-Age=0(;|$)/i.test(line));
  return set.map((line) => line.split(";", 1)[0]).join("; ");
}
