import type { Document } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { CorsSettings } from "../policy/settings.ts";
import { sorted } from "./sorted.ts";

type CorsConfig = NonNullable<NonNullable<Document["gateway"]>["cors"]>;

export function compileCors(cors: CorsConfig): CorsSettings {
  const lower = (names: readonly string[] | undefined): string[] =>
    sorted((names ?? []).map((name) => name.toLowerCase()));
  return {
    origins: sorted(cors.origins.map((origin) => (origin === "*" ? origin : new URL(origin).origin))),
    methods: sorted(cors.methods ?? ["GET", "HEAD", "POST"]),
    allowHeaders: lower(cors.allowHeaders),
    exposeHeaders: lower(cors.exposeHeaders),
    credentials: cors.credentials ?? false,
    maxAgeMs: (cors.maxAge === undefined ? undefined : parseDurationMs(cors.maxAge)) ?? limits.document.corsMaxAgeMs,
  };
}
