/**
 * `npm run -s test:h2spec -- [--program FILE] [--target HOST:PORT [--plain]]`: h2spec's cases against our listeners, or against
 * another one. Exit code 1 when a case fails.
 */
import { spawn } from "node:child_process";
import { type H2specListener, openH2specListeners } from "../test/conformance/http2/h2spec-listeners.ts";
import { ExitError, program, runProgram } from "./support/program.ts";

interface Options {
  readonly program: string;
  readonly target?: string;
  readonly plain: boolean;
}

interface Target extends H2specListener {
  readonly host: string;
}

/** Seconds that h2spec waits for each answer. */
const TIMEOUT_S = 5;
const HOW = `get it with Go: GOBIN=DIR go install github.com/summerwind/h2spec/cmd/h2spec@latest; then put DIR into PATH, or say \
--program DIR/h2spec`;

const command = program("test:h2spec")
  .description("Runs h2spec, the conformance test of HTTP/2, against the listeners of agents and of the front.")
  .option("--program <file>", "h2spec itself", "h2spec")
  .option("--target <host:port>", "instead, something that listens already, over TLS")
  .option("--plain", "the target speaks HTTP/2 without TLS", false)
  .action(async (options: Options) => {
    if (options.target !== undefined) return check(options.program, [targetOf(options.target, options.plain)]);
    const { listeners, close } = await openH2specListeners();
    try {
      await check(
        options.program,
        listeners.map((listener) => ({ ...listener, host: "127.0.0.1" })),
      );
    } finally {
      await close();
    }
  });

function targetOf(text: string, plain: boolean): Target {
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === "") throw new ExitError(2, `--target ${text}: expected HOST:PORT`);
  return { name: text, host, port: Number(port), tls: !plain };
}

async function check(file: string, targets: readonly Target[]): Promise<void> {
  for (const target of targets) {
    const output = await h2spec(file, target);
    const [, all, passed] = /(\d+) tests, (\d+) passed/.exec(output) ?? [];
    if (all === undefined) throw new ExitError(1, `h2spec said nothing of ${target.name}: ${output.trim()}`);
    const failed = new Set([...output.matchAll(/^\s*× \d+: (.*)$/gm)].map(([, title = ""]) => title));
    const excepted = (target.except ?? []).filter((title) => failed.delete(title));
    process.stdout.write(`${target.name}: ${passed} of ${all}${excepted.map((title) => `, not: ${title}`).join("")}\n`);
    if (failed.size === 0 && Number(passed) + excepted.length === Number(all)) continue;
    process.stdout.write(`${output.slice(output.indexOf("Failures:"))}\n`);
    process.exitCode = 1;
  }
}

function h2spec(file: string, { host, port, tls }: Target): Promise<string> {
  const args = ["--strict", "--host", host, "--port", String(port), "--timeout", String(TIMEOUT_S)];
  const child = spawn(file, tls ? [...args, "--tls", "--insecure"] : args, { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
      });
    child.once("error", ({ message }) => reject(new ExitError(1, `${message}\n${HOW}`)));
    child.once("close", () => resolve(output));
  });
}

await runProgram(command);
