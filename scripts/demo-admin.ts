/** `npm run -s demo:admin`: an admin token for the control API on stdout. */
import { requireLocalSystem } from "./support/local-system.ts";
import { program, runProgram } from "./support/program.ts";

const command = program("demo:admin")
  .description("Prints an admin token for the control API of the local system.")
  .action(() => void process.stdout.write(`${requireLocalSystem().local.adminToken}\n`));

await runProgram(command);
