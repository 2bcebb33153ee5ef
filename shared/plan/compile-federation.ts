import type { Document } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import type { Partners } from "../policy/federation.ts";
import { mapValues } from "./sorted.ts";

/** @returns undefined when it names nobody */
export function compileFederation(federation: NonNullable<Document["mesh"]>["federation"]): Partners | undefined {
  if (federation === undefined || Object.keys(federation).length === 0) return undefined;
  return mapValues(federation, ({ bundle, refresh }) => {
    const refreshMs = refresh === undefined ? undefined : parseDurationMs(refresh);
    return { bundle, ...(refreshMs !== undefined && { refreshMs }) };
  });
}
