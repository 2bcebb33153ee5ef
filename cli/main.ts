/** Entry of `selvage`; see bin/selvage.mjs. */
import { runCli } from "./program.ts";

// Not process.exit: what was written to a pipe must still arrive.
process.exitCode = await runCli(process.argv.slice(2));
