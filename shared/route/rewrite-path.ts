/**
 * The path that a route asks its target for.
 * @param rewrite as in the plan: `/v1/{id}/*`
 * @param params as `matchRoute` gave them; parameters are encoded again, the tail goes in as it was
 */
export function rewritePath(rewrite: string, params: Readonly<Record<string, string>>): string {
  const filled = rewrite.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  if (!filled.endsWith("/*")) return filled;
  const rest = params["*"] ?? "";
  const stem = filled.slice(0, -2);
  return rest === "" && stem !== "" ? stem : `${stem}/${rest}`;
}
