import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTimeOf } from "../../../cli/local/process-info.ts";
import { documentSecrets, systemKeys, takeStateFolder } from "../../../cli/local/state-folder.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-state-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

describe("takeStateFolder", () => {
  test("makes the folder for its user alone, and gives it to one process at a time", () => {
    const folder = path.join(state, "deep", "folder");
    const free = takeStateFolder(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(() => takeStateFolder(folder)).toThrow(new RegExp(`already running \\(pid ${process.pid}\\)`));
    free();
    takeStateFolder(folder)();
  });

  test("takes it over from a process that has ended", async () => {
    const child = spawn(process.execPath, ["-e", "0"]);
    await new Promise((done) => child.once("exit", done));
    writeFileSync(path.join(state, "supervisor.pid"), `${child.pid} 1\n`);
    takeStateFolder(state)();
  });

  test.runIf(process.platform === "linux")("is not deceived by a pid that another program has got since", () => {
    writeFileSync(path.join(state, "supervisor.pid"), `${process.ppid} ${startTimeOf(process.ppid)}\n`);
    expect(() => takeStateFolder(state)).toThrow(/already running/);
    writeFileSync(path.join(state, "supervisor.pid"), `${process.ppid} 12345\n`);
    takeStateFolder(state)();
  });
});

describe("systemKeys", () => {
  test("are made once, of 32 bytes each, for their user alone", () => {
    const keys = systemKeys(state);
    expect(Buffer.from(keys.tokenSecret, "base64url")).toHaveLength(32);
    expect(Buffer.from(keys.keySecret, "base64url")).toHaveLength(32);
    expect(keys.tokenSecret).not.toBe(keys.keySecret);
    expect(systemKeys(state)).toEqual(keys);
    expect(new Set(Object.values(keys)).size).toBe(5);
    expect(statSync(path.join(state, "keys.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(state, "keys.json"), "utf8")).toContain(keys.keySecret);
  });
});

describe("documentSecrets", () => {
  const write = (text: string, mode = 0o600): void => writeFileSync(path.join(state, "secrets"), text, { mode });

  test("come from the file, the environment first", () => {
    write("# comment\n\nDATABASE=from = file\nOTHER=x\n");
    expect(documentSecrets(state, { SECRET_OTHER: "from env", UNRELATED: "y" })).toEqual({
      SECRET_DATABASE: "from = file",
      SECRET_OTHER: "from env",
    });
  });

  test("need no file", () => {
    expect(documentSecrets(state, {})).toEqual({});
  });

  test.runIf(process.platform !== "win32")("are refused from a file that others can read", () => {
    write("A=b\n", 0o640);
    expect(() => documentSecrets(state, {})).toThrow(/mode 640.*chmod 600/);
  });

  test("name the line that is malformed", () => {
    write("A=b\nnot a secret\n");
    expect(() => documentSecrets(state, {})).toThrow(/secrets:2: expected NAME=value/);
  });
});
