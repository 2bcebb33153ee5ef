/**
 * Starts the program anew in its own process with what keeps it small; loaded before everything else. V8 takes the size of
 * its young generation at the start alone: 16 MB by itself. 4 MB cost a busy proxy nothing, 1 MB a seventh of its CPU.
 */
const FLAG = "--max-semi-space-size";

const isTold = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].some((option) => option.includes(FLAG));
// Node 22.15 has it, Windows has not.
if (!isTold && process.platform !== "win32" && typeof process.execve === "function") {
  const { execArgv, execPath, argv } = process;
  process.execve(execPath, [execPath, `${FLAG}=4`, ...execArgv, ...argv.slice(1)], process.env);
}
