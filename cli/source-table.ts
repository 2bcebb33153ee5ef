/** Sources of endpoints, as the agents that ask them see them, for people. */
import type { SourceCondition } from "../shared/policy/agent-sessions.ts";
import type { AgentStatus } from "../shared/wire/admin.ts";
import { ago, type Cell, table } from "./output.ts";

interface Asked extends SourceCondition {
  readonly by: string;
}

/** A line for each service and kind of source. @returns undefined: no agent asks one */
export function sourceTable(agents: readonly AgentStatus[]): string | undefined {
  const groups = new Map<string, Asked[]>();
  for (const { service: own, instance, sources = [] } of agents)
    for (const source of sources) {
      const key = `${source.service}\n${source.kind}`;
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      group.push({ ...source, by: `${own}/${instance}` });
    }
  if (groups.size === 0) return undefined;
  const rows = [...groups].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => sourceRow(group));
  return table(["ENDPOINTS OF", "SOURCE", "IN USE", "ASKED BY", "STATE"], rows);
}

function sourceRow(group: readonly Asked[]): (string | Cell)[] {
  const [{ service, kind } = { service: "", kind: "" }] = group;
  const counts = group.map(({ endpoints }) => endpoints);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const many = least === most ? String(most) : `${least} to ${most}`;
  return [service, kind, many, `${group.length} ${group.length === 1 ? "agent" : "agents"}`, stateCell(group)];
}

/** What is worst of what they say, of the first who says it. */
function stateCell(group: readonly Asked[]): Cell {
  const failing = group.filter(({ error }) => error !== undefined);
  const [first] = failing;
  if (first !== undefined) {
    const last = first.goodAtMs === undefined ? "no answer yet" : `last answer ${ago(Date.now() - first.goodAtMs)} ago`;
    const who = failing.length === group.length ? "" : ` for ${failing.length} of them, such as ${first.by}`;
    return { text: `failing${who}, ${last}: ${first.error}`, style: "bad" };
  }
  if (group.some(({ empty }) => empty))
    return { text: "says that there is nobody, which is not believed yet", style: "warn" };
  const refused = Math.max(...group.map(({ refused = 0 }) => refused));
  if (refused > 0) return { text: `answers; ${refused} of what it names are not called`, style: "warn" };
  return { text: "answers", style: "ok" };
}
