import { limits } from "../../../shared/limits.ts";
import type { HealthSettings, TargetSettings } from "../../../shared/policy/upstream-settings.ts";
import { bindingOf } from "./binding.ts";
import { within } from "./wait.ts";

/**
 * Asks a target how it is.
 * @param env bindings of the Worker
 * @returns what is wrong, for operators; undefined: nothing
 */
export async function checkTarget(
  target: TargetSettings,
  health: HealthSettings,
  env: object,
): Promise<string | undefined> {
  const stop = new AbortController();
  try {
    const checked = await within(check(target, health, env, stop.signal), health.timeoutMs);
    return checked === undefined ? `no answer within ${health.timeoutMs} ms` : checked.fault;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  } finally {
    stop.abort();
  }
}

async function check(
  { url, binding }: TargetSettings,
  { method, path, statuses, contains }: HealthSettings,
  env: object,
  signal: AbortSignal,
): Promise<{ readonly fault?: string }> {
  const caller = binding === undefined ? NETWORK : bindingOf(env, binding);
  const headers = { "user-agent": "selvage-health-check", accept: "*/*" };
  const response = await caller.fetch(url + path, { method, headers, redirect: "manual", signal });
  const { status } = response;
  const isGood = statuses === undefined ? status >= 200 && status <= 299 : statuses.includes(status);
  if (!isGood || contains === undefined) {
    void response.body?.cancel().catch(() => undefined);
    return isGood ? {} : { fault: `status ${status}` };
  }
  const text = await readBeginning(response, limits.upstreams.checkBodyBytesMax);
  return text.includes(contains) ? {} : { fault: "the body lacks what it must contain" };
}

const NETWORK: Pick<Fetcher, "fetch"> = { fetch: (input: RequestInfo | URL, init?: RequestInit) => fetch(input, init) };

/** No more of a body than so many bytes. */
async function readBeginning({ body }: Response, bytesMax: number): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (let left = bytesMax; left > 0; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value.subarray(0, left), { stream: true });
    left -= value.byteLength;
  }
  void reader.cancel().catch(() => undefined);
  return text;
}
