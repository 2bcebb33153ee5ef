/** Memory that starting needed, and what was used once since, given back. */
import { limits } from "../../shared/limits.ts";
import { Program } from "./clean-pages.ts";

/**
 * To be called once before the first request is let in: it collects all garbage, after which the young generation begins small, and takes
 * 20 ms. Where Node can ask the kernel, pages of its program go back, too, now and then again.
 */
export function settleMemory(): void {
  globalThis.gc?.({ type: "major", flavor: "last-resort" });
  const program = Program.own();
  if (program === undefined) return;
  program.giveBackPages();
  setInterval(() => program.giveBackPages(), limits.agent.cleanPagesMs).unref();
}
