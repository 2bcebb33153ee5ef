#!/usr/bin/env node
// Plain JavaScript, so that a Node that cannot run the agent can still say so.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`selvage-agent: Node 22.18 or newer is needed, this is ${process.versions.node}\n`);
  process.exit(1);
}
// As `selvage` finds its sources or bundles.
const source = new URL("../mesh-agent/main.ts", import.meta.url);
const isCheckout = existsSync(source);
const { SELVAGE_BUILT } = process.env;
const built = resolve(import.meta.dirname, "..", (isCheckout && SELVAGE_BUILT) || "dist", "agent.mjs");
await import(isCheckout && !SELVAGE_BUILT ? source.href : pathToFileURL(built).href);
