/** A target without scheme, authority and query, which may hold secrets. */
export function pathOf(target: string): string {
  const start = target.startsWith("http://") ? target.indexOf("/", "http://".length) : 0;
  if (start < 0) return "/";
  const query = target.indexOf("?", start);
  return query < 0 ? target.slice(start) : target.slice(start, query);
}
