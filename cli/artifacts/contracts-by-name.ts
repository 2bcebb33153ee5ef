import type { Contract } from "../../shared/contract/contract.ts";
import type { Artifacts } from "./build-artifacts.ts";

const KIND = "contracts.";

/** Contracts among what a document needs, by their names in it. */
export function contractsByName({ table, bytes }: Artifacts): ReadonlyMap<string, Contract> {
  const contracts = new Map<string, Contract>();
  for (const [key, digest] of Object.entries(table)) {
    const found = key.startsWith(KIND) ? bytes.get(digest) : undefined;
    if (found !== undefined)
      contracts.set(key.slice(KIND.length), JSON.parse(new TextDecoder().decode(found)) as Contract);
  }
  return contracts;
}
