/** Starts the program anew in its own process with what keeps it small; loaded before everything else. */
import { missingFlags } from "./lean-flags.ts";

const { execArgv, execPath, argv, env, platform } = process;
const missing = missingFlags([...execArgv, env.NODE_OPTIONS ?? ""]);
// Node 22.15 has it, Windows has not.
if (missing.length > 0 && platform !== "win32" && typeof process.execve === "function")
  process.execve(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], env);
