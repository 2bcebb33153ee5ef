/** What a translation does, in words: the body itself is not known to who explains. */
import type { Translation } from "../policy/translate/translation.ts";

export function describeTranslation({
  from,
  to,
  others,
  arrays = [],
  types = {},
  xml,
  soap,
  nested,
}: Translation): string {
  const isAnswerOfSoap = from === "soap" && soap !== undefined;
  const said = [
    ...(xml?.root === undefined ? [] : [`root ${xml.root}`]),
    ...(arrays.length === 0 ? [] : [`lists ${arrays.join(", ")}`]),
    ...Object.entries(types).map(([path, type]) => `${type} ${path}`),
    ...(to === "soap" && soap !== undefined ? [`SOAP ${soap.version}`] : []),
    ...(soap?.action === undefined ? [] : [`action ${JSON.stringify(soap.action)}`]),
    ...(isAnswerOfSoap
      ? Object.entries(soap.faults ?? {}).map(([code, status]) => `fault ${code} becomes ${status}`)
      : []),
    ...(nested === true ? ["nested names"] : []),
    `other bodies ${others === "refuse" ? "are refused" : "pass"}`,
  ];
  return `body from ${from} to ${to}: ${said.join(", ")}`;
}
