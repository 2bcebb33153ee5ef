/** A process that runs command lines one after the other; the last line of its stderr is the exit code of each, as JSON. */
import { runCli } from "../../cli/program.ts";

const codes: number[] = [];
for (const args of JSON.parse(process.argv[2] ?? "[]") as string[][]) codes.push(await runCli(args));
process.stderr.write(`\n${JSON.stringify(codes)}`);
