#!/usr/bin/env node
// Plain JavaScript, so that a Node that cannot run the agent can still say so.
import { existsSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`selvage-agent: Node 22.18 or newer is needed, this is ${process.versions.node}\n`);
  process.exit(1);
}
const source = new URL("../mesh-agent/main.ts", import.meta.url);
const built = new URL("../dist/agent.mjs", import.meta.url);
await import((existsSync(source) ? source : built).href);
