/** Loaded into an agent before it starts: names that it finds in the file `SELVAGE_TEST_NAMES`, as it is at that moment. */
import dns from "node:dns";
import { readFileSync } from "node:fs";

const file = process.env.SELVAGE_TEST_NAMES ?? "";
const { lookup } = dns;

type Callback = (error: NodeJS.ErrnoException | null, address: unknown, family?: number) => void;

function find(name: string, options: { all?: boolean }, callback: Callback): void {
  const names = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  const address = names[name];
  if (address === undefined) lookup(name, options as dns.LookupAllOptions, callback);
  else if (options.all === true) process.nextTick(callback, null, [{ address, family: 4 }]);
  else process.nextTick(callback, null, address, 4);
}

Object.assign(dns, { lookup: find });
