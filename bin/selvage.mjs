#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they say what is wrong instead of a syntax error.
import { existsSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`selvage needs Node 22.18 or newer, this is ${process.versions.node} (${process.execPath})`);
  process.exit(2);
}
// From a checkout the sources run as they are; the published package has them bundled.
const source = new URL("../cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/cli.mjs", import.meta.url).href);
