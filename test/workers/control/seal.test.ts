import { expect, test } from "vitest";
import { randomBytes, toBase64Url, utf8 } from "../../../workers/control/authority/bytes.ts";
import { makeSealer } from "../../../workers/control/authority/seal.ts";

const key = toBase64Url(randomBytes(32));

test("what is sealed opens again, and never looks the same twice", async () => {
  const sealer = await makeSealer(key);
  const [one, two] = [await sealer.seal("a", utf8("secret")), await sealer.seal("a", utf8("secret"))];
  expect(one).not.toBe(two);
  for (const sealed of [one, two]) expect(await sealer.open("a", sealed)).toEqual(utf8("secret"));
});

test("it opens under its own key and name alone, and only whole", async () => {
  const sealer = await makeSealer(key);
  const sealed = await sealer.seal("a", utf8("secret"));
  const other = await makeSealer(toBase64Url(randomBytes(32)));
  await expect(other.open("a", sealed)).rejects.toThrow("KEY_SECRET does not open the stored secret a");
  await expect(sealer.open("b", sealed)).rejects.toThrow("KEY_SECRET");
  const swapped = `${sealed.slice(0, -2)}${sealed.endsWith("AA") ? "BB" : "AA"}`;
  await expect(sealer.open("a", swapped)).rejects.toThrow("KEY_SECRET");
  await expect(sealer.open("a", "2.x.y")).rejects.toThrow("unknown form");
});

test.each([undefined, "", "short", `${key}A`, "*".repeat(43)])("%j is no key", async (secret) => {
  await expect(makeSealer(secret)).rejects.toThrow("KEY_SECRET must be 32 random bytes");
});
