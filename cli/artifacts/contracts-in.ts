import type { Contract } from "../../shared/contract/contract.ts";
import type { KnownContracts } from "../../shared/plan/explain-validation.ts";
import type { Artifacts } from "./build-artifacts.ts";

/** Contracts among what a document needs, by their digests. */
export function contractsIn({ table, bytes }: Artifacts): KnownContracts {
  const contracts = new Map<string, Contract>();
  for (const [key, digest] of Object.entries(table)) {
    const found = key.startsWith("contracts.") ? bytes.get(digest) : undefined;
    if (found !== undefined) contracts.set(digest, JSON.parse(new TextDecoder().decode(found)) as Contract);
  }
  return contracts;
}
