/** Entry of `selvage`; see bin/selvage.mjs. */
import { config } from "zod/v4/core";
import { runCli } from "./program.ts";

// A command uses each schema once: compiling them, before they are made, costs more than it saves.
config({ jitless: true });
// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (fault: NodeJS.ErrnoException) => {
  if (fault.code !== "EPIPE") throw fault;
});
// Not process.exit: what was written to a pipe must still arrive.
process.exitCode = await runCli(process.argv.slice(2));
