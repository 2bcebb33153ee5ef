/**
 * What any forward owes to both sides, by hand and nothing more: the head is looked at, the upstream is told who asks and by which
 * trace, there is a deadline, an answer without a meaning is none, and lines of a log are written a few at a time. No policy, no route.
 */
const DEADLINE_MS = 15_000;
const LOG_CHARS = 10_000;
let log = "";

export default {
  async fetch(request: Request, env: { UPSTREAM: string }): Promise<Response> {
    const arrivedAtMs = Date.now();
    const url = new URL(request.url);
    let headChars = 0;
    request.headers.forEach((value, name) => {
      headChars += name.length + value.length;
    });
    if (headChars > 32_768) return new Response(null, { status: 431 });
    const traceId = crypto.randomUUID();
    const clientIp = (request as { cf?: { clientIp?: string } }).cf?.clientIp ?? "127.0.0.1";
    const headers = new Headers(request.headers);
    headers.set("traceparent", `00-${traceId.replaceAll("-", "")}-b7ad6b7169203331-01`);
    headers.set("x-forwarded-for", clientIp);
    headers.set("x-forwarded-host", url.host);
    headers.set("x-forwarded-proto", "http");
    headers.set("forwarded", `for="${clientIp}";host="${url.host}";proto=http`);
    headers.set("via", "1.1 gateway");
    const { method, body } = request;
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const init = { method, headers, body: method === "GET" ? null : body, redirect: "manual" as const, signal };
    const response = await fetch(env.UPSTREAM + url.pathname + url.search, init);
    if (response.status > 599 || response.headers.has("transfer-encoding")) return new Response(null, { status: 502 });
    const { pathname: path, hostname: host } = url;
    const time = new Date(arrivedAtMs).toISOString();
    const { status } = response;
    log += `${JSON.stringify({ time, traceId, method, host, path, status, durationMs: Date.now() - arrivedAtMs, clientIp })}\n`;
    if (log.length > LOG_CHARS) {
      console.log(log);
      log = "";
    }
    return response;
  },
};
