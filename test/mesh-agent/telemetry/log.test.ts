import { expect, test } from "vitest";
import { escapeControls } from "../../../mesh-agent/telemetry/log.ts";

test.each([
  ["a terminal's commands", "\x1b[2Jgone\x07\x9b1m", "\\u{1b}[2Jgone\\u{7}\\u{9b}1m"],
  ["a second line", "refused\nselvage-agent: all is well\r", "refused\\nselvage-agent: all is well\\u{d}"],
  ["a change of direction", "a\u202eb\u2028c\u{e0001}", "a\\u{202e}b\\u{2028}c\\u{e0001}"],
])("the control plane's words on stderr cannot bring %s", (_, said, written) => {
  expect(escapeControls(said)).toBe(written);
});

test("a plain sentence stays as it is", () => {
  expect(escapeControls("K\u00f6ln \u6f22 \u{1f600}")).toBe("K\u00f6ln \u6f22 \u{1f600}");
});
