/** What it costs to make a contract of a large API description, and how large it becomes. */
import { stringify } from "yaml";
import { readContract } from "../cli/artifacts/build-contract.ts";
import { canonicalJson } from "../shared/plan/canonical-json.ts";
import { largeDescription } from "../test/support/large-description.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const RESOURCES = 100;

const bench: Bench = {
  question: "How long does it take to compile an API description of 700 operations, and what becomes of its size?",
  run: async ({ quick, rounds = quick ? 2 : 5 }) => {
    const description = largeDescription(RESOURCES);
    const texts = {
      json: JSON.stringify(description, null, 2),
      yaml: stringify(description, { aliasDuplicateObjects: false }),
    };
    return (["json", "yaml"] as const).flatMap((kind) => figuresOf(kind, texts[kind], rounds));
  },
};
export default bench;

function figuresOf(kind: string, text: string, rounds: number): Figure[] {
  const bytes = new TextEncoder().encode(text);
  const run = () => readContract({ openapi: `things.${kind}` }, () => bytes, []);
  const { contract, problems } = run();
  if (contract === undefined || problems.length > 0)
    throw new Error(`the description is none: ${problems[0]?.message}`);
  const compiled = canonicalJson(contract);
  const times = Array.from({ length: rounds }, () => {
    const beganMs = performance.now();
    run();
    return performance.now() - beganMs;
  });
  const one = (name: string, what: string, value: number): Figure => ({
    name: `${kind}_${name}`,
    what: `${kind}: ${what}`,
    spread: spreadOf([value]),
  });
  return [
    { name: `${kind}_compile_ms`, what: `${kind}: compile, ms`, spread: spreadOf(times) },
    one("operations", "operations", contract.operations.length),
    one("source_kib", "description, KiB", bytes.byteLength / 1024),
    one("contract_kib", "contract, KiB", compiled.length / 1024),
    one("schemas", "schemas", Object.keys(contract.schemas).length),
  ];
}
