import type { ValidateConfig } from "../config/schema-contracts.ts";
import { limits } from "../limits.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import type { RoutePlan } from "./plan.ts";

/** @param digests of what the document needs beside its plan; a contract that is not among them cannot be had by gateways */
export function compileValidation(
  config: ValidateConfig | undefined,
  digests: ArtifactTable = {},
): Pick<RoutePlan, "validation"> {
  if (config === undefined) return {};
  const { contract: name, requests = "enforce", responses = "off", responseShare = 1, basePath } = config;
  if (requests === "off" && responses === "off") return {};
  return {
    validation: {
      name,
      contract: digests[`contracts.${name}`] ?? "",
      requests,
      responses,
      responseShare,
      ...(basePath !== undefined && { basePath }),
      unknownOperations: config.unknownOperations ?? "refuse",
      unknownQuery: config.unknownQuery ?? "pass",
      unknownContent: config.unknownContent ?? "refuse",
      formats: config.formats ?? true,
      findingsMax: config.maxFindings ?? limits.contract.violationsDefault,
    },
  };
}
