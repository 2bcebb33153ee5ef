/** What edits of a JSON body cost by the way in which they are made: the functions alone, in this process. */
import { readExactJson } from "../shared/http/exact-json.ts";
import { utf8Text } from "../shared/http/utf8-text.ts";
import type { Filling } from "../shared/policy/edit-value.ts";
import { editJson } from "../shared/policy/json-edits.ts";
import { parseJsonPath } from "../shared/policy/json-path.ts";
import { StreamEditor } from "../shared/policy/stream-edits/editor.ts";
import { streamProgram } from "../shared/policy/stream-edits/program.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const PLACE = "$.items[*].secret";
const SIZES = { "2 KB": 2_000, "60 KB": 60_000, "900 KB": 900_000 };
const CHUNK_BYTES = 16_384;
/** Of bodies, in one round of one way. */
const ROUND_BYTES = 8_000_000;

const bench: Bench = {
  question:
    "What does it cost to edit a JSON body while it passes, beside holding it, and beside JSON.parse and JSON.stringify?",
  run: async ({ quick, rounds = quick ? 3 : 15 }) =>
    Object.entries(SIZES).flatMap(([size, bytes]) => figuresOf(size, bodyOf(bytes), rounds)),
};
export default bench;

type Way = (body: Uint8Array) => number;

function figuresOf(size: string, body: Uint8Array, rounds: number): Figure[] {
  const ways = { native: parsed, held: heldWay(), streamed: streamedWay() };
  const lengths = new Set(Object.values(ways).map((way) => way(body)));
  if (lengths.size > 1) throw new Error(`the ways make something else of it: ${[...lengths].join(", ")} bytes`);
  const found: Record<keyof typeof ways, number[]> = { native: [], held: [], streamed: [] };
  const all = Object.entries(ways) as [keyof typeof ways, Way][];
  for (const [, way] of all) microseconds(way, body);
  for (let round = 0; round < rounds; round++) for (const [name, way] of all) found[name].push(microseconds(way, body));
  const key = size.replace(" ", "").toLowerCase();
  const ratio = (of: keyof typeof ways, to: keyof typeof ways): Figure => ({
    name: `${key}_${of}_to_${to}_ratio`,
    what: `${size}: ${of} over ${to}`,
    spread: spreadOf(found[of].map((value, at) => value / (found[to][at] ?? Number.NaN))),
  });
  return [ratio("streamed", "held"), ratio("streamed", "native"), ratio("held", "native")];
}

function microseconds(way: Way, body: Uint8Array): number {
  const times = Math.ceil(ROUND_BYTES / body.length);
  const before = process.cpuUsage();
  for (let time = 0; time < times; time++) way(body);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function parsed(body: Uint8Array): number {
  const json = JSON.parse(utf8Text(body) ?? "") as { items: { secret?: string }[] };
  for (const item of json.items) delete item.secret;
  return new TextEncoder().encode(JSON.stringify(json)).length;
}

function heldWay(): Way {
  const path = parseJsonPath(PLACE);
  if (typeof path === "string") throw new Error(path);
  const paths = new Map([[PLACE, path]]);
  const filling: Filling = { scope: {}, evaluate: () => undefined, secret: () => undefined, tooLong: () => undefined };
  return (body) => {
    const json = readExactJson(utf8Text(body) ?? "");
    if (json.fault !== undefined) throw new Error(json.reason);
    const edited = editJson(json, { remove: [PLACE] }, filling, paths);
    return new TextEncoder().encode(JSON.stringify(edited)).length;
  };
}

function streamedWay(): Way {
  const program = streamProgram({ remove: [PLACE] });
  if (program === undefined) throw new Error("the edits need the whole body");
  return (body) => {
    const editor = new StreamEditor(program, []);
    let bytes = 0;
    for (let from = 0; from < body.length; from += CHUNK_BYTES) {
      const chunk = body.subarray(from, from + CHUNK_BYTES);
      for (let at = 0; at < chunk.length; bytes += editor.take().length) at = editor.write(chunk, at);
    }
    editor.end();
    return bytes + editor.take().length;
  };
}

function bodyOf(bytes: number): Uint8Array {
  const item = (id: number): object => ({
    ...{ id, secret: "s".repeat(20), name: "a name of it", price: 12.5 },
    ...{ tags: ["a", "b"], at: "2026-01-01T00:00:00Z" },
  });
  const count = Math.ceil(bytes / JSON.stringify(item(1)).length);
  return new TextEncoder().encode(JSON.stringify({ items: Array.from({ length: count }, (_, id) => item(id)) }));
}
