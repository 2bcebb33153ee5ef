/** The authority of a whole system: changed under load, and what agents hold of it. System tests run it short, `test/long` long. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { AgentIdentity } from "../../mesh-agent/tls/identity.ts";
import type { CaStatus } from "../../shared/wire/ca.ts";
import type { ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { readState } from "./agent-state.ts";
import type { LoadResult } from "./load.ts";
import { orderLoad } from "./outages.ts";
import type { System } from "./system.ts";

export interface Rotated extends LoadResult {
  /** Milliseconds that each command took. */
  readonly tookMs: readonly number[];
}

/** Runs the commands one after the other while requests go through the mesh; each must succeed. */
export async function rotateUnderLoad(
  system: System,
  rate: number,
  commands: readonly (readonly string[])[],
): Promise<Rotated> {
  const load = orderLoad(system, await system.token("alice"), rate);
  const tookMs: number[] = [];
  for (const command of commands) {
    const startMs = performance.now();
    const { code, stderr } = await system.selvage("ca", ...command);
    expect(code, stderr).toBe(0);
    tookMs.push(performance.now() - startMs);
  }
  return { ...(await load.stop()), tookMs };
}

export async function caStatus(system: System): Promise<CaStatus> {
  const { code, stdout, stderr } = await system.selvage("ca", "status", "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as CaStatus;
}

/** The processes of all agents: an agent that was started again is another one. */
export function agentsOf(system: System): ProcessEntry[] {
  return system.processes().filter(({ role }) => role === "agent");
}

/** What an agent holds right now. */
export function identityOf(system: System, name: string): AgentIdentity {
  return readState(join(system.state, "agents", name), "identity.json") as AgentIdentity;
}

/** SHA-256 of a certificate's DER, hex. */
export function printOf(pem = ""): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
}

/** By OpenSSL, strictly, as a server and as a client of TLS. @param folder for files of the test */
export function verifyStrictly({ certificates, roots }: AgentIdentity, folder: string): void {
  const [leaf = "", ...chain] = certificates;
  writeFileSync(join(folder, "leaf.pem"), leaf);
  writeFileSync(join(folder, "chain.pem"), chain.join("\n"));
  writeFileSync(join(folder, "roots.pem"), roots.join("\n"));
  const files = ["-CAfile", "roots.pem", "-untrusted", "chain.pem", "leaf.pem"];
  for (const purpose of ["sslserver", "sslclient"])
    expect(openssl(folder, "verify", "-x509_strict", "-purpose", purpose, ...files)).toBe("leaf.pem: OK\n");
}

export function openssl(folder: string, ...args: string[]): string {
  return execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What a command prints; it must succeed. */
export async function selvage(system: System, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await system.selvage(...args);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}
