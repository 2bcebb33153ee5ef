/** Checks of `contracts` and `validate`: names that lead nowhere, and settings that judge nothing. What is in descriptions others check. */
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkContracts(gateway: Cursor): DocumentProblem[] {
  const contracts = gateway.get("contracts");
  const named = gateway.get("routes").items.map((route) => route.get("validate", "contract").text);
  return contracts.entries
    .filter(([name]) => !named.includes(name))
    .map(([name, { path }]) =>
      warning("SLV3149", path, `no route is held to the contract ${quote(name)}`, {
        at: "key",
        expected: `\`validate: { contract: ${name} }\` in a route`,
      }),
    );
}

/** @param contracts the gateway's */
export function checkValidate(route: Cursor, contracts: Cursor): DocumentProblem[] {
  const validate = route.get("validate");
  if (!validate.exists) return [];
  const contract = validate.get("contract");
  const isUnknown = contract.text !== undefined && !contracts.get(contract.text).exists;
  return [
    ...(isUnknown ? [unknownName("SLV3140", "contract", contract.text, contracts.keys, contract.path)] : []),
    ...checkModes(validate),
  ];
}

/** What the gateway does with requests alone. */
const OF_REQUESTS = ["unknownOperations", "unknownQuery", "unknownContent"];

function checkModes(validate: Cursor): DocumentProblem[] {
  const [requests, responses] = [validate.get("requests"), validate.get("responses")];
  const judgesAnswers = responses.exists && responses.text !== "off";
  const problems: DocumentProblem[] = [];
  if (requests.text === "off" && !judgesAnswers)
    problems.push(
      warning("SLV3149", validate.path, "neither requests nor answers are held to the contract", { at: "key" }),
    );
  const share = validate.get("responseShare");
  if (share.exists && responses.text !== "shadow")
    problems.push(
      error("SLV3009", share.path, "`responseShare` has no meaning without `responses: shadow`", { at: "key" }),
    );
  if (requests.text === "off")
    for (const one of OF_REQUESTS.map((key) => validate.get(key)))
      if (one.exists)
        problems.push(
          error("SLV3009", one.path, `\`${one.path.at(-1)}\` has no meaning with \`requests: off\``, { at: "key" }),
        );
  return problems;
}
