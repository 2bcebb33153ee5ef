import { expect, test } from "vitest";
import type { Http2Stream } from "../../../../mesh-agent/proxy/http2/stream.ts";
import { StreamTable } from "../../../../mesh-agent/proxy/http2/stream-table.ts";
import { seededRandom } from "../../../fuzz/http1-messages.ts";

test("a table of streams is a map of them, whatever comes and goes", () => {
  const seed = Date.now() % 1_000_000_007;
  const random = seededRandom(seed);
  for (let run = 0; run < 50; run++) {
    const table = new StreamTable();
    const model = new Map<number, Http2Stream>();
    let next = 1;
    for (let step = 0; step < 1_000; step++) {
      if (random() < 0.52) {
        const stream = { id: next } as Http2Stream;
        next += random() < 0.05 ? 2 * Math.floor(random() * 200) : 2;
        if (!model.has(stream.id)) {
          table.add(stream);
          model.set(stream.id, stream);
        }
      } else {
        const ids = [...model.keys()];
        const id = random() < 0.1 ? next + 2 : (ids[Math.floor(random() * ids.length)] ?? 1);
        expect(table.delete(id), `seed ${seed}`).toBe(model.delete(id));
      }
      expect(table.size).toBe(model.size);
    }
    for (let id = 1; id < next; id += 2) expect(table.get(id), `seed ${seed}, ${id}`).toBe(model.get(id));
    expect(new Set(table.values())).toEqual(new Set(model.values()));
    table.clear();
    expect([table.size, table.values()]).toEqual([0, []]);
  }
});
