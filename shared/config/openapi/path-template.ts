/** Path templates of OpenAPI (3.1.1 section 4.8.8.2). */

export type PathTemplate =
  | {
      readonly names: readonly string[];
      /** The same for templates that match the same paths: names away. */
      readonly shape: string;
      readonly fault?: never;
    }
  | { readonly fault: string };

export function parseTemplate(path: string): PathTemplate {
  if (!path.startsWith("/")) return { fault: "a path begins with /" };
  if (/[?#]/.test(path)) return { fault: "a path has neither ? nor #: parameters of the query are `parameters`" };
  const names = [...path.matchAll(/\{([^{}/]*)\}/g)].map(([, name = ""]) => name);
  const shape = path.replace(/\{[^{}/]*\}/g, "{}");
  if (/[{}]/.test(shape.replaceAll("{}", ""))) return { fault: "its braces are not balanced within a segment" };
  if (names.includes("")) return { fault: "a parameter in braces has no name" };
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) return { fault: `{${twice}} stands in it twice` };
  const [adjacent] = /\{[^{}]*\}\{[^{}]*\}/.exec(path) ?? [];
  if (adjacent !== undefined) return { fault: `the values of ${adjacent} cannot be told apart` };
  return { names, shape };
}
