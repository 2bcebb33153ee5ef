#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they say what is wrong instead of a syntax error.
import { existsSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`selvage needs Node 22.18 or newer, this is ${process.versions.node} (${process.execPath})`);
  process.exit(2);
}
// Node keeps what it compiles, and the JavaScript of a checkout's sources, for the next start. In a folder of this user alone: what lies
// there is run.
try {
  module.enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "selvage"));
} catch {
  // A user without a home starts as fast as without it.
}
// The published package has bundles in dist/. From a checkout the sources run as they are, or bundles in the folder SELVAGE_BUILT.
const source = new URL("../cli/main.ts", import.meta.url);
const isCheckout = existsSync(source);
const { SELVAGE_BUILT } = process.env;
const built = resolve(import.meta.dirname, "..", (isCheckout && SELVAGE_BUILT) || "dist", "cli.mjs");
await import(isCheckout && !SELVAGE_BUILT ? source.href : pathToFileURL(built).href);
