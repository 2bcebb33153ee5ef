/** Ports of `selvage dev`: the one that is wished for, or the next one that is free. */
import { dev } from "../../shared/limits/dev.ts";
import { takenPorts } from "../local/ports.ts";

interface Wish {
  readonly name: string;
  readonly port: number;
  readonly setting: string;
}

/**
 * @param others ports that are given away already
 * @param say is told who has the port that was wished for
 * @throws Error when no port above it is free either
 */
export async function choosePort(
  { name, port, setting }: Wish,
  host: string,
  others: ReadonlySet<number>,
  say: (line: string) => void,
): Promise<number> {
  const last = Math.min(port + dev.portsTried, 65_535);
  let refusal: string | undefined;
  for (let tried = port; tried <= last; tried++) {
    const [taken] = others.has(tried) ? ["given away"] : await takenPorts([{ name, host, port: tried, setting }]);
    if (taken !== undefined) {
      refusal ??= taken;
      continue;
    }
    if (tried !== port && !others.has(port)) say(`${refusal}. Using ${tried} instead`);
    return tried;
  }
  throw new Error(`${refusal}; the ${dev.portsTried} ports above it are taken as well`);
}
