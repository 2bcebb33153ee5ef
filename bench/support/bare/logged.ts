/** The same as `forward.ts`, with the line of an access log for each request: what whoever operates a forward writes by hand. */
export default {
  async fetch(request: Request, env: { UPSTREAM: string }): Promise<Response> {
    const arrivedAtMs = Date.now();
    const url = new URL(request.url);
    const response = await fetch(new Request(env.UPSTREAM + url.pathname + url.search, request));
    console.log(
      JSON.stringify({
        time: new Date(arrivedAtMs).toISOString(),
        kind: "access",
        traceId: crypto.randomUUID(),
        method: request.method,
        host: url.hostname,
        path: url.pathname,
        status: response.status,
        durationMs: Date.now() - arrivedAtMs,
        clientIp: (request as { cf?: { clientIp?: string } }).cf?.clientIp,
      }),
    );
    return response;
  },
};
