import type { MetricFamily } from "../../shared/http/metrics-text.ts";

/** @param certificates undefined: there are none */
export function expiryFamily(name: string, certificates: { readonly notAfterMs: number } | undefined): MetricFamily[] {
  if (certificates === undefined) return [];
  const samples = [{ labels: {}, value: certificates.notAfterMs / 1000 }];
  return [{ name, type: "gauge", help: "When the first of the listener's certificates ends.", samples }];
}
