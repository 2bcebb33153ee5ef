import type { TranscodeConfig } from "../config/schema-transcode.ts";
import type { PrintSettings, TranscodeSettings } from "../transcode/settings.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import { sorted } from "./sorted.ts";

/** @param artifacts without the descriptor's digest (a document whose files are not at hand) nothing can be called */
export function compileTranscode(config: TranscodeConfig, artifacts: ArtifactTable): TranscodeSettings {
  const { services, ignoreQuery, stream } = config;
  const print = compilePrint(config.print);
  return {
    descriptor: artifacts[`descriptors.${config.descriptor}`] ?? "",
    ...(services !== undefined && { services: sorted(services) }),
    ...(config.autoMap === true && { autoMap: true }),
    ...(ignoreQuery !== undefined &&
      ignoreQuery !== false && { ignoreQuery: ignoreQuery === true ? ignoreQuery : sorted(ignoreQuery) }),
    ...(config.ignoreFields === true && { ignoreFields: true }),
    ...(print !== undefined && { print }),
    ...(stream !== undefined && stream !== "array" && { stream }),
    ...(config.errorDetails === true && { errorDetails: true }),
    ...(config.trailers === true && { trailers: true }),
  };
}

function compilePrint({
  fieldNames,
  defaults,
  enums,
}: NonNullable<TranscodeConfig["print"]> = {}): PrintSettings | undefined {
  const print: PrintSettings = {
    ...(fieldNames === "proto" && { protoNames: true }),
    ...(defaults === true && { defaults }),
    ...(enums === "numbers" && { enumNumbers: true }),
  };
  return Object.keys(print).length > 0 ? print : undefined;
}
