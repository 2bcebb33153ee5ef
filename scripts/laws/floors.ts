/** Law 3: a file imports only from its own floor and those below; the parts never import each other; no cycles. */
import { type Import, importGraph } from "./imports.ts";
import type { Finding, Tree } from "./tree.ts";

/** First match decides. The table of ARCHITECTURE.md. */
const FLOORS: readonly (readonly [pattern: RegExp, floor: number])[] = [
  [/^shared\/(errors\.ts$|limits(\.ts$|\/))/, 0],
  [/^shared\/(http|identity)\//, 1],
  [/^shared\/(policy|route|cache|contract|auth|transcode|discovery|telemetry)\//, 2],
  [/^shared\/(config|plan|wire)\//, 3],
  [/(^|\/)(index|main)\.ts$/, 7],
  [/^workers\/[^/]+\/(app|api)\.ts$/, 6],
  [/^mesh-agent\/(agent|(inbound|outbound)\/stack)\.ts$/, 6],
  [/^workers\/[^/]+\/(env\.ts$|objects\/|upstream\/|authority\/|cache\/|code\/|telemetry\/)/, 4],
  [/^mesh-agent\/(proxy|tls|control|discovery|telemetry|workload-api)\//, 4],
  [/^workers\/(gateway\/middleware|control\/calls)\//, 5],
  [/^mesh-agent\/(inbound|outbound|admin|lifecycle|front)\//, 5],
  [/^(cli|console)\//, 5],
];

/** Parts that are built and shipped apart. */
const PARTS = ["workers/gateway", "workers/control", "mesh-agent", "cli", "console"];
/** What only people and the test run call; nothing shipped may need it. */
const SHIPPED = /^(shared|workers|mesh-agent|cli|console)\//;
const TOOLS = /^(scripts|test|bench|examples)\//;

const floorOf = (path: string): number | undefined => FLOORS.find(([pattern]) => pattern.test(path))?.[1];
const partOf = (path: string): string | undefined => PARTS.find((part) => path.startsWith(`${part}/`));
const isTyping = (path: string): boolean => path.endsWith(".d.ts");

export function checkFloors(tree: Tree): Finding[] {
  const graph = importGraph(tree);
  const findings: Finding[] = [];
  for (const [path, imports] of graph) {
    if (SHIPPED.test(path) && !isTyping(path) && floorOf(path) === undefined)
      findings.push(law3(path, 1, "is on no floor: move it into a folder of the table in ARCHITECTURE.md"));
    for (const one of imports) findings.push(...checkImport(tree, path, one));
  }
  return [...findings, ...checkCycles(graph)];
}

function checkImport(tree: Tree, path: string, { file, specifier, line, reExport }: Import): Finding[] {
  const findings: Finding[] = [];
  const say = (message: string): void => void findings.push(law3(path, line, message));
  if (reExport && !/^workers\/[^/]+\/index\.ts$/.test(path))
    say(`re-exports "${specifier}": no barrel files, import each name from the file that declares it`);
  if (file === undefined) return findings;
  if (!tree.has(file) && isPlainSource(file)) say(`imports "${specifier}", which does not exist`);
  if (SHIPPED.test(path) && TOOLS.test(file)) say(`imports ${file}: what is shipped never needs tools or tests`);
  if (path.startsWith("examples/") && !file.startsWith("examples/"))
    say(`imports ${file}: an example knows nothing of Selvage`);
  const [from, to] = [partOf(path), partOf(file)];
  if (from !== undefined && to !== undefined && from !== to)
    say(`imports ${file}: ${from} and ${to} never import each other, move what both need to shared/`);
  const [own, other] = [floorOf(path), floorOf(file)];
  if (own !== undefined && other !== undefined && other > own)
    say(`imports ${file} from a higher floor (${other} above ${own}): turn the dependency round or move the code down`);
  const middleware = /^workers\/gateway\/middleware\//;
  if (middleware.test(path) && middleware.test(file))
    say(`imports ${file}: a middleware never imports a middleware, move what both need to shared/ or upstream/`);
  return findings;
}

/** Folders and generated files are not in a tree of text files. */
function isPlainSource(file: string): boolean {
  return file.endsWith(".ts") && !file.includes("/dist/") && !file.startsWith("..");
}

/** Each cycle once, told from its first file in the order of names. */
function checkCycles(graph: ReadonlyMap<string, readonly Import[]>): Finding[] {
  const findings: Finding[] = [];
  const done = new Set<string>();
  const told = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      const cycle = trail.slice(at);
      const key = [...cycle].sort().join(" ");
      if (told.has(key)) return;
      told.add(key);
      findings.push(law3(path, 1, `is in a cycle of imports: ${[...cycle, path].join(" -> ")}`));
      return;
    }
    if (done.has(path)) return;
    for (const { file } of graph.get(path) ?? []) if (file !== undefined) visit(file, [...trail, path]);
    done.add(path);
  };
  for (const path of [...graph.keys()].sort()) visit(path, []);
  return findings;
}

const law3 = (path: string, line: number, message: string): Finding => ({ path, line, law: "law 3", message });
