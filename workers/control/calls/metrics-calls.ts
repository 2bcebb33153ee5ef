/** `GET /v1/metrics`: what a Prometheus scrapes of the whole fleet. */
import { metricsContentType, metricsFormat, metricsText } from "../../../shared/http/metrics-text.ts";
import { fleetMetrics } from "../upstream/fleet-metrics.ts";
import type { Call } from "./call.ts";

export async function metrics(c: Call): Promise<Response> {
  const { gateways, fleet } = await fleetMetrics(c.env);
  const format = metricsFormat(c.req.header("accept"));
  return new Response(metricsText([...gateways, ...fleet], format), {
    headers: { "content-type": metricsContentType[format], vary: "accept", "cache-control": "no-store" },
  });
}
