import { validate } from "./compiled-schema.ts";
import { CONTRACT_FORMAT, type Contract } from "./contract.ts";
import type { AskSchema } from "./finding.ts";
import { indexOperations, type OperationIndex } from "./operation-index.ts";
import type { RegexMaker } from "./regex-maker.ts";
import type { RouteValidation } from "./route-validation.ts";
import { SchemaSet } from "./schema-set.ts";

/** A contract as requests are judged by it. */
export interface ReadyContract {
  readonly contract: Contract;
  readonly operations: OperationIndex;
  /** @param direction what is read-only or write-only is required of one side alone */
  ask(direction: "request" | "response", settings: Pick<RouteValidation, "formats" | "findingsMax">): AskSchema;
  /** Whether a name occurs in its schemas. */
  isKnown(name: string): boolean;
}

/** @throws with a reason for operators when it is of a format that this release does not read */
export function parseContract(text: string): Contract {
  const contract = JSON.parse(text) as Contract;
  if (contract.format !== CONTRACT_FORMAT)
    throw new Error(`contract of format ${String(contract.format)}, this gateway reads ${CONTRACT_FORMAT}`);
  return contract;
}

/** @param regexes what makes expressions of its schemas ready; absent: they have none */
export function readyContract(contract: Contract, regexes: RegexMaker | undefined): ReadyContract {
  const schemas = new SchemaSet(contract.schemas, regexes);
  let names: ReadonlySet<string> | undefined;
  return {
    contract,
    operations: indexOperations(contract),
    ask:
      (direction, { formats, findingsMax }) =>
      (name, value) =>
        validate(schemas, name, value, { direction, formats, violationsMax: findingsMax }),
    isKnown: (name) => {
      names ??= namesIn(contract.schemas);
      return names.has(name);
    },
  };
}

const NAME = /"((?:[^"\\]|\\.)*)":/g;

/** Names of members in the texts of schemas; looked for when the first finding needs one. */
function namesIn(schemas: Contract["schemas"]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const text of Object.values(schemas))
    for (const [, name = ""] of text.matchAll(NAME))
      names.add(name.includes("\\") ? (JSON.parse(`"${name}"`) as string) : name);
  return names;
}
