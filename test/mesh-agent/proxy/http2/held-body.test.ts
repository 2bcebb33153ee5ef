import { expect, test } from "vitest";
import { HeldBody } from "../../../../mesh-agent/proxy/http2/held-body.ts";
import { seededRandom } from "../../../fuzz/http1-messages.ts";

test("parts of all sizes come out as they went in, and what came out does not change", () => {
  const seed = Date.now() % 1_000_000_007;
  const random = seededRandom(seed);
  for (let run = 0; run < 100; run++) {
    const held = new HeldBody();
    const into: Buffer[] = [];
    const out: Buffer[] = [];
    for (let step = 0; step < 300; step++) {
      if (random() < 0.7) {
        const size = 1 + Math.floor(random() ** 6 * 20_000);
        const part = Buffer.alloc(size, Math.floor(random() * 256));
        into.push(part);
        held.push(part);
      } else {
        const part = held.shift();
        if (part !== undefined) out.push(part);
      }
    }
    for (let part = held.shift(); part !== undefined; part = held.shift()) out.push(part);
    expect(Buffer.concat(out).equals(Buffer.concat(into)), `seed ${seed}`).toBe(true);
    expect([held.bytes, held.isEmpty]).toEqual([0, true]);
  }
});

test("many small parts become few", () => {
  const held = new HeldBody();
  for (let i = 0; i < 100_000; i++) held.push(Buffer.from("x"));
  let parts = 0;
  while (held.shift() !== undefined) parts++;
  expect(parts).toBeLessThan(30);
});
