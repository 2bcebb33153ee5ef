import { expect, test } from "vitest";
import { caAlarms } from "../../../shared/policy/ca-alarms.ts";

const DAY = 86_400_000;
const codes = (root: number, issuer: number, external: boolean) =>
  caAlarms({ endsAtMs: root * DAY, external }, { endsAtMs: issuer * DAY, external }, 0).map(({ code }) => code);

test("what replaces itself is no alarm; what does not is one in time", () => {
  expect(codes(3_650, 10, false)).toEqual([]);
  expect(codes(3_650, 10, true)).toEqual(["issuer_ends"]);
  expect(codes(3_650, 40, true)).toEqual([]);
  expect(codes(300, 200, false)).toEqual(["root_ends"]);
  expect(codes(300, 10, true)).toEqual(["issuer_ends", "root_ends"]);
  expect(caAlarms(undefined, undefined, 0)).toEqual([]);
});

test("it is said when, and what to do", () => {
  const [soon] = caAlarms(undefined, { endsAtMs: DAY, external: true }, 0);
  expect(soon?.text).toContain("ends on 1970-01-02, in 1 day: selvage ca csr");
  const [over] = caAlarms({ endsAtMs: 0, external: false }, undefined, DAY);
  expect(over?.text).toContain("ended on 1970-01-01: selvage ca rotate-root");
});
