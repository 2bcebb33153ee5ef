/** The completions in the shells that they are for, as far as they are here. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/run-cli.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-completion-"));
  for (const shell of ["bash", "zsh", "fish"])
    writeFileSync(path.join(folder, `selvage.${shell}`), (await runInProcess(["completion", shell])).stdout);
  writeFileSync(path.join(folder, "shop.yaml"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function hasShell(name: string): boolean {
  try {
    execFileSync(name, ["-c", "exit 0"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** What is offered for the last word of a line, by each shell's own means. */
const offers: Readonly<Record<string, (line: string) => string[]>> = {
  bash: (line) => {
    const script = `source selvage.bash; COMP_WORDS=(${line.split(" ").map(quoted).join(" ")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _selvage; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run("bash", ["--norc", "--noprofile", "-c", script]);
  },
  zsh: (line) => {
    // Who completes is asked through a terminal of its own; here its words are taken as they are handed over.
    const script = `compdef() { :; }; _describe() { print -l -- \${said[@]%%:*}; }; compadd() { shift; print -l -- "$@"; }; _files() { print -l -- *; }
source ./selvage.zsh; words=(${line.split(" ").map(quoted).join(" ")}); CURRENT=\${#words}; _selvage`;
    return run("zsh", ["-f", "-c", script]);
  },
  fish: (line) =>
    run("fish", ["--no-config", "-c", `source selvage.fish; complete -C ${quoted(line)}`]).map(
      (one) => one.split("\t")[0] ?? "",
    ),
};

const quoted = (text: string): string => `'${text}'`;
const run = (shell: string, args: string[]): string[] =>
  execFileSync(shell, args, { cwd: folder, encoding: "utf8", timeout: 10_000 }).split("\n").filter(Boolean);

describe.each(["bash", "zsh", "fish"])("%s", (shell) => {
  const isHere = hasShell(shell);
  test.skipIf(!isHere)("the words of each place", () => {
    const offered = (line: string): string[] => offers[shell]?.(line) ?? [];
    expect(offered("selvage ")).toEqual(expect.arrayContaining(["apply", "mesh", "doctor", "help"]));
    expect(offered("selvage mesh ")).toEqual(expect.arrayContaining(["status", "config", "edges", "join"]));
    expect(offered("selvage mesh ")).not.toContain("apply");
    expect(offered("selvage mesh status --")).toEqual(expect.arrayContaining(["--json", "--service", "--control"]));
    expect(offered("selvage --json mesh status --")).toContain("--service");
    expect(offered("selvage token --role ").sort()).toEqual(["admin", "gateway", "owner", "viewer"]);
    expect(offered("selvage completion ")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
    expect(offered("selvage check ")).toContain("shop.yaml");
    expect(offered("selvage routes --file ")).toContain("shop.yaml");
    expect(offered("selvage help ")).toContain("mesh");
  });
  test.skipIf(shell !== "bash" || !isHere)("what was begun is completed", () => {
    expect(offers.bash?.("selvage roll")).toEqual(["rollback"]);
    expect(offers.bash?.("selvage canary pro")).toEqual(["promote"]);
    expect(offers.bash?.("selvage token --role v")).toEqual(["viewer"]);
  });
});
