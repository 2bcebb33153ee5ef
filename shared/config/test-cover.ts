/** Whether what one route asks of headers, query, cookies and address holds whenever what another asks does. */
import { liesIn, parseNetworks } from "../http/address-list.ts";
import type { Cursor } from "./cursor.ts";

export interface Tests {
  /** What is asked about, sorted: two routes of one rank ask about the same. */
  readonly names: readonly string[];
  /** Equal for the same questions. */
  readonly text: string;
  /** Some test is not one text: it may hold for what others ask for. */
  readonly isWide: boolean;
  readonly byName: ReadonlyMap<string, Cursor>;
}

/** @param match of a route */
export function testsOf(match: Cursor): Tests {
  const byName = new Map<string, Cursor>();
  for (const [name, test] of match.get("headers").entries) byName.set(`header ${name.toLowerCase()}`, test);
  for (const [name, test] of match.get("query").entries) byName.set(`query ${name}`, test);
  for (const [name, test] of match.get("cookies").entries) byName.set(`cookie ${name}`, test);
  if (match.get("version").exists) byName.set("version", match.get("version"));
  if (match.get("ip").exists) byName.set("ip", match.get("ip"));
  const names = [...byName.keys()].sort();
  return {
    names,
    text: JSON.stringify(names.map((name) => canonical(byName.get(name)))),
    isWide: [...byName.values()].some(({ text }) => text === undefined),
    byName,
  };
}

function canonical(test: Cursor | undefined): unknown {
  const texts = test?.texts ?? [];
  return texts.length > 0 ? [...new Set(texts)].sort() : test?.value;
}

/** As far as it can be proven: what is not may hold all the same. */
export function covers(outer: Tests, inner: Tests): boolean {
  return outer.text === inner.text || outer.names.every((name) => coversTest(name, outer.byName.get(name), inner));
}

function coversTest(name: string, outer: Cursor | undefined, inner: Tests): boolean {
  const other = inner.byName.get(name);
  if (outer === undefined || other === undefined) return false;
  if (JSON.stringify(canonical(outer)) === JSON.stringify(canonical(other))) return true;
  const [wide, narrow] = [outer.texts, other.texts];
  if (name === "ip") return narrow.length > 0 && narrow.every((network) => liesWithin(network, wide));
  const prefix = outer.get("prefix").text;
  if (outer.get("present").value === true)
    return narrow.length > 0 || other.get("prefix").exists || other.get("regex").exists;
  if (prefix !== undefined) {
    const starts = narrow.length > 0 ? narrow : (other.get("prefix").text ?? []);
    return [starts].flat().length > 0 && [starts].flat().every((text) => text.startsWith(prefix));
  }
  return narrow.length > 0 && narrow.every((text) => wide.includes(text));
}

/** A network lies in one that has its first address and is not smaller. */
function liesWithin(network: string, others: readonly string[]): boolean {
  const [own] = parseNetworks([network]);
  const address = network.split("/")[0] ?? "";
  return parseNetworks(others).some((other) => own !== undefined && own.bits >= other.bits && liesIn(address, [other]));
}
