import type { Command } from "commander";
import { limits } from "../../shared/limits.ts";
import type { Drift } from "../../shared/wire/admin.ts";
import { reportByRoute } from "./report-by-route.ts";

const DAYS = limits.validation.placesKeptMs / 86_400_000;

export function driftCommand(): Command {
  return reportByRoute<Drift>({
    name: "drift",
    description: "Where requests and answers broke the contracts of their routes, the last first.",
    example: "orders",
    member: "drift",
    columns: ["OPERATION", "SIDE", "PLACE", "KEYWORD"],
    cells: ({ operation, side, place, keyword }) => [operation, side, place, keyword],
    read: (control) => control.drift(),
    none: (route) => {
      const of = route === undefined ? "" : ` of ${route}`;
      return `no request or answer${of} was found to break its contract in the last ${DAYS} days`;
    },
  });
}
