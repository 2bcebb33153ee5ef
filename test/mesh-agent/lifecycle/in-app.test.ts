import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { nodeOptionsOf } from "../../../mesh-agent/lifecycle/in-app.ts";

function optionsOf(command: readonly string[], inherited?: string, propagation = true) {
  const events: string[] = [];
  const log = { event: (name: string, sentence: string) => void events.push(`${name}: ${sentence}`) };
  const given = inherited === undefined ? {} : { NODE_OPTIONS: inherited };
  return { options: nodeOptionsOf({ command, propagation }, given, log), events };
}

test("what is set already stays, and comes first", () => {
  const { options, events } = optionsOf(["npm", "start"], "--no-deprecation");
  expect(options).toMatch(/^--no-deprecation --require ".*in-app\.cjs"$/);
  expect(events).toEqual([]);
  const code = `process.stdout.write(process.noDeprecation + " " + Object.keys(require.cache).length)`;
  const env = { ...process.env, NODE_OPTIONS: options };
  expect(execFileSync(process.execPath, ["-e", code], { env, encoding: "utf8" })).toBe("true 1");
});

test.each([
  [["/usr/local/bin/bun", "app.ts"], undefined, "runs on bun"],
  [["deno", "run", "app.ts"], undefined, "runs on deno"],
  [["node", "--permission", "app.js"], undefined, "Node's permissions"],
  [["npm", "start"], "--permission --allow-fs-read=/app", "Node's permissions"],
])("%j with %s is left alone, with a word", (command, inherited, why) => {
  const { options, events } = optionsOf(command, inherited);
  expect(options).toBeUndefined();
  expect(events).toEqual([expect.stringMatching(new RegExp(`^propagation_off: .*${why}`))]);
});

test("nothing is loaded, and nothing said, where it is off", () => {
  expect(optionsOf(["node", "app.js"], undefined, false)).toEqual({ options: undefined, events: [] });
});
