import type { GraphqlConfig } from "../config/schema-graphql.ts";
import { inShadow } from "../config/shadow.ts";
import { limits } from "../limits.ts";
import type { GraphqlSettings } from "../policy/graphql-guard.ts";
import { mapValues, sorted } from "./sorted.ts";

const { depthDefault, aliasesDefault, rootFieldsDefault, tokensDefault } = limits.graphql;

export function compileGraphql(config: GraphqlConfig): GraphqlSettings {
  const { costs = {}, maxCost, introspection, allow } = config;
  return {
    depthMax: config.maxDepth ?? depthDefault,
    aliasesMax: config.maxAliases ?? aliasesDefault,
    rootFieldsMax: config.maxRootFields ?? rootFieldsDefault,
    tokensMax: config.maxTokens ?? tokensDefault,
    batchMax: config.maxBatch ?? 1,
    ...(maxCost !== undefined && { costMax: maxCost }),
    ...(Object.keys(costs).length > 0 && { costs: mapValues(costs, (cost) => cost) }),
    listArguments: sorted(config.listArguments ?? ["first", "last", "limit"]),
    operations: sorted(config.operations ?? ["query", "mutation"]),
    ...(introspection === true && { introspection }),
    ...(allow !== undefined && { allow: sorted(allow.map((hash) => hash.toLowerCase())) }),
    ...(inShadow(config) && { shadow: true as const }),
  };
}
