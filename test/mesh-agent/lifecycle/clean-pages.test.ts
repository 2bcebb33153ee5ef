import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cleanMappings, Program } from "../../../mesh-agent/lifecycle/clean-pages.ts";

const mapping = (range: string, access: string, file: string, { dirty = 0, anonymous = 0, swap = 0 } = {}): string =>
  `${range} ${access} 00001000 fe:01 1234                     ${file}
Size:                  4 kB
Private_Clean:         4 kB
Private_Dirty:         ${dirty} kB
Anonymous:             ${anonymous} kB
Swap:                  ${swap} kB
VmFlags: rd ex mr mw me
`;

describe("clean pages of a program", () => {
  it.each([
    ["its code", mapping("00400000-00500000", "r-xp", "/usr/bin/node"), [{ address: 0x400000n, bytes: 0x100000n }]],
    ["its constants", mapping("00400000-00401000", "r--p", "/usr/bin/node"), [{ address: 0x400000n, bytes: 0x1000n }]],
    ["not what the loader has changed", mapping("1000-2000", "r--p", "/usr/bin/node", { dirty: 4, anonymous: 4 }), []],
    ["not what was changed before a fork", mapping("1000-2000", "r--p", "/usr/bin/node", { anonymous: 4 }), []],
    ["not what was changed and swapped out", mapping("1000-2000", "r--p", "/usr/bin/node", { swap: 4 }), []],
    ["not its variables", mapping("1000-2000", "rw-p", "/usr/bin/node"), []],
    ["not what is shared", mapping("1000-2000", "r--s", "/usr/bin/node"), []],
    ["not a file that may change", mapping("1000-2000", "r-xp", "/usr/lib/libc.so.6"), []],
    ["not a file of a longer name", mapping("1000-2000", "r-xp", "/usr/bin/node (deleted)"), []],
    ["not memory without a file", mapping("1000-2000", "r-xp", ""), []],
  ])("are %s", (_what, text, expected) => {
    const other = mapping("7000-8000", "rw-p", "[heap]");
    expect(cleanMappings(other + text + other, "/usr/bin/node")).toEqual(expected);
  });

  it.runIf(process.platform === "linux")("are most of Node", () => {
    const found = cleanMappings(readFileSync("/proc/self/smaps", "latin1"), process.execPath);
    expect(found.reduce((sum, { bytes }) => sum + Number(bytes), 0)).toBeGreaterThan(20 * 1024 * 1024);
  });

  it("can be given back, or cannot, and the process goes on", () => {
    Program.own()?.giveBackPages();
    expect(JSON.parse('{"still":"here"}')).toEqual({ still: "here" });
  });
});
