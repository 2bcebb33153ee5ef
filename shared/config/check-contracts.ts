/** Checks of `contracts` and `validate`: names that lead nowhere, and settings that judge nothing. What is in descriptions others check. */

import { targetsOf } from "./check-edge-traffic.ts";
import { unknownName } from "./check-mesh.ts";
import { checkValidateMode } from "./check-shadow.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { heldPlaces, targetPlace } from "./validate-place.ts";

export function checkContracts(top: Cursor): DocumentProblem[] {
  const contracts = top.get("gateway", "contracts");
  const held = heldPlaces(top);
  const routes = top.get("gateway", "routes").items.map((route) => route.get("validate"));
  const named = [...routes, ...held.map(([, validate]) => validate)].map((one) => one.get("contract").text);
  const unused = contracts.entries
    .filter(([name]) => !named.includes(name))
    .map(([name, { path }]) =>
      warning("SLV3149", path, `no route is held to the contract ${quote(name)}`, {
        at: "key",
        expected: `\`validate: { contract: ${name} }\` in a route`,
      }),
    );
  return [...unused, ...held.flatMap(([name, validate]) => checkHeld(name, validate, top))];
}

/** `validate` of a service or upstream. */
function checkHeld(name: string, validate: Cursor, top: Cursor): DocumentProblem[] {
  const problems = checkSettings(validate, top.get("gateway", "contracts"));
  const routes = top.get("gateway", "routes").items.filter((route) => route.get("to").text === name);
  if (!routes.some((route) => !route.get("validate").exists))
    problems.push(
      warning("SLV3149", validate.path, `no route that leads to ${name} is held to it`, {
        at: "key",
        expected: `\`to: ${name}\` in a route without \`validate\``,
      }),
    );
  if (top.get("mesh", "services", name, "expose").exists)
    problems.push(
      warning("SLV3178", validate.path, "requests that come by `expose` are not held to it: agents get no contracts", {
        at: "key",
      }),
    );
  return problems;
}

/** `validate` of a route. */
export function checkValidate(route: Cursor, top: Cursor): DocumentProblem[] {
  const validate = route.get("validate");
  if (!validate.exists) return checkTraffic(route, top);
  if (validate.value !== false) return checkSettings(validate, top.get("gateway", "contracts"));
  if (targetPlace(route, top) !== undefined) return [];
  return [
    warning("SLV3149", validate.path, "there is nothing to take back: what the route leads to has no `validate`", {
      at: "key",
    }),
  ];
}

/** A request is held to its contract before it is known where it goes. */
function checkTraffic(route: Cursor, top: Cursor): DocumentProblem[] {
  const inForce = JSON.stringify(targetPlace(route, top)?.value);
  const held = new Map(heldPlaces(top));
  return route
    .get("traffic")
    .items.flatMap(targetsOf)
    .filter(({ name }) => held.has(name) && JSON.stringify(held.get(name)?.value) !== inForce)
    .map(({ name, place, at }) =>
      error(
        "SLV3200",
        place.path,
        `${quote(name)} has a \`validate\`, which holds for routes whose \`to\` it is alone`,
        {
          at,
          expected: "`validate` of this route, or `validate: false`",
        },
      ),
    );
}

/** @param contracts the gateway's */
function checkSettings(validate: Cursor, contracts: Cursor): DocumentProblem[] {
  const contract = validate.get("contract");
  const isUnknown = contract.text !== undefined && !contracts.get(contract.text).exists;
  return [
    ...(isUnknown ? [unknownName("SLV3140", "contract", contract.text, contracts.keys, contract.path)] : []),
    ...checkModes(validate),
    ...checkValidateMode(validate),
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
