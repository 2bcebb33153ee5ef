/** Runs a program as another user, at the port that its agent gives: `as-user.ts UID COMMAND...`; an empty UID is oneself. */
import { spawn } from "node:child_process";

const [uid = "", command = "", ...args] = process.argv.slice(2);
const as = uid === "" ? {} : { uid: Number(uid), gid: Number(uid) };
const child = spawn(command, [...args, "-p", process.env.PORT ?? ""], { ...as, stdio: "inherit" });
// PostgreSQL: a fast shutdown, which does not wait for its clients.
process.on("SIGTERM", () => child.kill("SIGINT"));
child.on("exit", (code) => process.exit(code ?? 1));
