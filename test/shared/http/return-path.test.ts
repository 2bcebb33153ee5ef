import fc from "fast-check";
import { expect, test } from "vitest";
import { returnPath } from "../../../shared/http/return-path.ts";

const OWN = "/.selvage/web";

test.each(["/", "/app", "/app?a=//b", "/app#x", "/a/%2F/b", "/app?return=https://x.example", "/@evil.example", "/;x"])(
  "%j stays here",
  (path) => expect(returnPath(path, OWN, "/start")).toBe(path),
);

test("whatever is asked for, a browser stays at this origin and off the gateway's own endpoints", () => {
  const odd = fc.constantFrom(
    "/",
    "//",
    "\\",
    "..",
    ".",
    "@",
    ":",
    "https:",
    "evil.example",
    "%2f",
    "\t",
    "\n",
    "?",
    "#",
    OWN,
  );
  const text = fc.array(fc.oneof(odd, fc.string({ maxLength: 3 })), { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (wanted) => {
      const chosen = returnPath(wanted, OWN, "/start");
      const url = new URL(chosen, "https://app.example/.selvage/web/callback");
      expect(url.origin).toBe("https://app.example");
      expect(url.pathname.startsWith(`${OWN}/`)).toBe(false);
      expect(/[\r\n]/.test(chosen)).toBe(false);
    }),
    { numRuns: 3_000 },
  );
});
