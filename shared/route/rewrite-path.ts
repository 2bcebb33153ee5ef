/**
 * The path that a route asks its target for.
 * @param rewrite as in the plan: `/v1/{id}/*`
 * @param params as `matchRoute` gave them; parameters are encoded again, the tail goes in as it was
 */
export function rewritePath(rewrite: string, params: Readonly<Record<string, string>>): string {
  // Looked for before anything is filled in: a parameter's value may be `*`, too.
  const hasTail = rewrite.endsWith("/*");
  const pattern = hasTail ? rewrite.slice(0, -2) : rewrite;
  const stem = pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  if (!hasTail) return stem;
  const rest = params["*"] ?? "";
  return rest === "" && stem !== "" ? stem : `${stem}/${rest}`;
}
