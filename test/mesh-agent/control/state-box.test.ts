import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UnreadableState } from "../../../mesh-agent/control/state-box.ts";
import { type StateFile, stateIn } from "../../../mesh-agent/control/state-file.ts";
import { openStateBox } from "../../../mesh-agent/control/state-key.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "selvage-state-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Environment = Record<string, string>;
const file = (name = "identity.json", keyFile?: string, environment: Environment = {}): StateFile<unknown> =>
  stateIn(folder, openStateBox(folder, keyFile, environment))(name, (value) => value);
const at = (name: string): string => join(folder, name);
const written = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};

test("a key file of which a loss of power left nothing is made anew", () => {
  written("state.key", "");
  expect(() => openStateBox(folder, undefined, { SELVAGE_STATE_KEY: "k".repeat(32) })).not.toThrow();
  file().saveNow({ is: "there" });
  expect(file().load()).toEqual({ is: "there" });
  expect(statSync(at("state.key")).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(["identity.json", "state.key"]);
});

test("what is kept is sealed under a key file that is made once, for this user alone", () => {
  file().saveNow({ privateKey: "secret words" });
  expect(readFileSync(at("identity.json"), "utf8")).not.toContain("secret");
  expect(statSync(at("state.key")).mode & 0o777).toBe(0o600);
  const key = readFileSync(at("state.key"), "utf8");
  expect(file().load()).toEqual({ privateKey: "secret words" });
  expect(readFileSync(at("state.key"), "utf8")).toBe(key);
});

test("no two writings of one value are the same", async () => {
  const one = file();
  one.saveNow({ a: 1 });
  const first = readFileSync(at("identity.json"), "utf8");
  await one.save({ a: 1 });
  expect(readFileSync(at("identity.json"), "utf8")).not.toBe(first);
  expect(file().load()).toEqual({ a: 1 });
});

const SECRET = "0123456789abcdef0123456789abcdef";

test.each<[string, (secret: string) => [string | undefined, Environment]]>([
  ["a key file", (secret) => [written("other.key", `${secret}\n`), {}]],
  ["the environment", (secret) => [undefined, { SELVAGE_STATE_KEY: secret }]],
  [
    "a credential of systemd",
    (secret) => {
      written("selvage-state-key", secret);
      return [undefined, { CREDENTIALS_DIRECTORY: folder }];
    },
  ],
])("%s is the key instead, and another one opens nothing", (_, make) => {
  const [path, environment] = make(SECRET);
  file("identity.json", path, environment).saveNow("x");
  expect(existsSync(at("state.key"))).toBe(false);
  expect(file("identity.json", path, environment).load()).toBe("x");
  const [other, others] = make(SECRET.toUpperCase());
  expect(() => file("identity.json", other, others).load()).toThrow(
    /identity.json is encrypted under another key than/,
  );
  const [again, environmentAgain] = make(SECRET);
  expect(file("identity.json", again, environmentAgain).load()).toBe("x");
});

test.each<[string, () => [string | undefined, Environment], RegExp]>([
  ["is missing", () => ["/nonexistent/key", {}], /cannot read the key.*\/nonexistent\/key/],
  ["is short", () => [written("k", "short"), {}], /holds 5 bytes, too few for a key/],
  ["is blank", () => [written("k", " ".repeat(64)), {}], /holds 0 bytes/],
  ["is huge", () => [written("k", "x".repeat(100_000)), {}], /it has 100000 bytes/],
  ["is a folder", () => [folder, {}], /cannot read the key/],
  ["is a short text", () => [undefined, { SELVAGE_STATE_KEY: "short" }], /SELVAGE_STATE_KEY holds 5 bytes/],
])("a key that %s is told", (_, make, reason) => {
  const [path, environment] = make();
  expect(() => openStateBox(folder, path, environment)).toThrow(reason);
});

test("what an older agent left in clear is read and sealed; so is what lay under the folder's own key", () => {
  written("identity.json", '{"old":true}');
  expect(file().load()).toEqual({ old: true });
  expect(readFileSync(at("identity.json"), "utf8")).not.toContain("old");
  const named = written("named.key", SECRET);
  expect(file("identity.json", named).load()).toEqual({ old: true });
  rmSync(at("state.key"));
  expect(file("identity.json", named).load()).toEqual({ old: true });
});

test("what cannot be sealed now is read all the same", () => {
  written("identity.json", '{"old":true}');
  // A folder is in the way of the new file, also for root.
  mkdirSync(`${at("identity.json")}.${process.pid}.tmp`);
  expect(file().load()).toEqual({ old: true });
});

test.each<[string, (text: string) => string]>([
  ["cut off", (text) => text.slice(0, -20)],
  ["changed", (text) => text.replace(/"data":"(.)/, (_, first) => `"data":"${first === "A" ? "B" : "A"}`)],
  ["short", (text) => text.replace(/"data":"[^"]*"/, '"data":"AAAA"')],
  ["empty", () => ""],
  ["no state", () => "[1"],
  ["of another key", (text) => text.replace(/"key":"[^"]*"/, '"key":"0000000000000000"')],
])("a file that is %s is told by name, and kept aside when a new one comes", (_, damage) => {
  file().saveNow({ a: 1 });
  const damaged = damage(readFileSync(at("identity.json"), "utf8"));
  writeFileSync(at("identity.json"), damaged);
  const again = file();
  expect(() => again.load()).toThrow(UnreadableState);
  expect(() => again.load()).toThrow("identity.json");
  expect(readFileSync(at("identity.json"), "utf8")).toBe(damaged);
  again.saveNow({ a: 2 });
  expect(file().load()).toEqual({ a: 2 });
  expect(readFileSync(at("identity.json.unreadable"), "utf8")).toBe(damaged);
});

test("no file can be put in another's place", () => {
  file("plan.json").saveNow({ a: 1 });
  renameSync(at("plan.json"), at("trust.json"));
  expect(() => file("trust.json").load()).toThrow("trust.json is damaged");
  expect(readdirSync(folder).sort()).toEqual(["state.key", "trust.json"]);
});
