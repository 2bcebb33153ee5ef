import type { Command } from "commander";
import type { DeprecatedCaller } from "../../shared/wire/admin.ts";
import { reportByRoute } from "./report-by-route.ts";

export function deprecatedCommand(): Command {
  return reportByRoute<DeprecatedCaller>({
    name: "deprecated",
    description: "Who still calls deprecated routes, the last caller first.",
    example: "orders-v1",
    member: "callers",
    columns: ["CALLER"],
    cells: ({ caller }) => [caller],
    read: (control) => control.deprecatedCallers(),
    none: () => "nobody called a deprecated route",
  });
}
