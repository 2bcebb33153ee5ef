import type { RouteConfig } from "../config/schema.ts";
import type { ValidateConfig } from "../config/schema-contracts.ts";
import type { RouteValidation } from "../contract/route-validation.ts";
import { limits } from "../limits.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import type { RoutePlan } from "./plan.ts";

/** Services or upstreams, of which what holds for routes that lead there counts. */
export type HeldTargets = Readonly<Record<string, { readonly validate?: ValidateConfig | undefined }>>;

/** What routes may have their contract from. */
export interface ValidationDefaults {
  readonly services?: HeldTargets | undefined;
  readonly upstreams?: HeldTargets | undefined;
  /** Digests of what the document needs beside its plan; a contract that is not among them cannot be had by gateways. */
  readonly artifacts?: ArtifactTable;
}

/** What a route is held to: its own `validate`, or that of what it leads to. */
export function validationOf(
  { to, validate }: Pick<RouteConfig, "to" | "validate">,
  { services = {}, upstreams = {} }: ValidationDefaults,
): { readonly config: ValidateConfig; readonly of?: RouteValidation["of"] } | undefined {
  if (validate === false) return undefined;
  if (validate !== undefined) return { config: validate };
  if (to === undefined) return undefined;
  const [upstream, service] = [upstreams, services].map((all) =>
    Object.hasOwn(all, to) ? all[to]?.validate : undefined,
  );
  if (upstream !== undefined) return { config: upstream, of: { upstream: to } };
  return service === undefined ? undefined : { config: service, of: { service: to } };
}

export function compileValidation(
  route: Pick<RouteConfig, "to" | "validate">,
  defaults: ValidationDefaults,
): Pick<RoutePlan, "validation"> {
  const found = validationOf(route, defaults);
  if (found === undefined) return {};
  const { config, of } = found;
  const {
    contract: name,
    requests = config.mode ?? "enforce",
    responses = "off",
    responseShare = 1,
    basePath,
  } = config;
  if (requests === "off" && responses === "off") return {};
  return {
    validation: {
      name,
      ...(of !== undefined && { of }),
      contract: defaults.artifacts?.[`contracts.${name}`] ?? "",
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
