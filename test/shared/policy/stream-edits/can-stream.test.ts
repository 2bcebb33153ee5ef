import { expect, test } from "vitest";
import type { JsonEdits } from "../../../../shared/policy/reshape.ts";
import { streamEdits } from "../../../../shared/policy/stream-edits/can-stream.ts";
import { streamProgram } from "../../../../shared/policy/stream-edits/program.ts";

test.each<JsonEdits>([
  { remove: ["/items", "/a~1b/c"] },
  { remove: ["$.items[*].secret", "$['a b'].c", '$["d"]', "$.list[0]", "$..e", "$..['f g']", "$.é", "$.g.*"] },
  { pick: ["/id", "$.items[*].name"], rename: { "$.items[*].name": "title" } },
  { pick: ["/a"], set: { "/a/b": 1, "/c/d": 2 }, wrap: "data" },
  { rename: { "/a/id": "key", "/b/id": "key" } },
  { set: { "/items/-": "{header.x-a}", "/at": { cel: "request.path" } } },
])("%j streams", (edits) => {
  expect(streamEdits(edits)).toBeTypeOf("object");
  expect(streamProgram(edits)).toBeDefined();
});

test.each<[edits: JsonEdits, reason: RegExp]>([
  [{ template: "{body}" }, /template/],
  [{ set: { "/a": { b: ["{body.c}"] } } }, /of the body itself/],
  ...["$[?@.a]", "$[1:2]", "$[-1]", "$['a','b']", "$['a\\'b']", "$ .a", "$."].map((path): [JsonEdits, RegExp] => [
    { remove: [path] },
    /looks at values/,
  ]),
  [{ set: { $: 1 } }, /replaces all/],
  [{ rename: { "$.*": "a" } }, /several members/],
  [{ remove: ["$.list[*]"], set: { "/list/0": 1 } }, /counted after/],
  [{ pick: ["/list/2"], remove: ["/list/0/a"] }, /counted after/],
  [{ pick: ["/a/b"], remove: ["/a"] }, /only a part is picked/],
  [{ pick: ["/b/c", "/a"], rename: { "/a": "b" } }, /only a part is picked/],
  [{ rename: { "/a": "b", "/b": "c" } }, /edited again/],
  [{ rename: { "/a": "b", "/a/c": "d" } }, /edited again/],
  [{ rename: { "/a": "b" }, set: { "/b/c": 1 } }, /edited again/],
  [{ set: { "/a": {}, "/a/b": 1 } }, /within another/],
  [{ set: { "/list/-": 1, "$.list[*]": 2 } }, /within another/],
])("%j is held", (edits, reason) => {
  expect(streamEdits(edits)).toMatch(reason);
});

test("edits that tell too many kinds of places apart are held", () => {
  const places = Array.from({ length: 12 }, (_, at) => `$..a${at}${".*".repeat(at)}.b${at}`);
  expect(streamEdits({ remove: places })).toBeTypeOf("object");
  expect(streamProgram({ remove: places })).toBeUndefined();
});
