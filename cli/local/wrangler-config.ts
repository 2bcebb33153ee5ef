/** Reads a Worker's wrangler.toml: what plain workerd can honour becomes a WorkerDefinition, the rest is refused by name. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import * as z from "zod";

/** A Worker as its wrangler.toml describes it, with paths made absolute. */
export interface WorkerDefinition {
  readonly configFile: string;
  readonly name: string;
  /** Entry module, absolute. */
  readonly main: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** Plain values; anything that is not a string reaches the Worker as parsed JSON, as with wrangler. */
  readonly vars: Readonly<Record<string, unknown>>;
  readonly durableObjects: readonly DurableObjectBinding[];
  readonly services: readonly { readonly binding: string; readonly service: string }[];
  /** Secrets that must be given at start. */
  readonly requiredSecrets: readonly string[];
  readonly define: Readonly<Record<string, string>>;
  readonly alias: Readonly<Record<string, string>>;
}

export interface DurableObjectBinding {
  readonly binding: string;
  readonly className: string;
  /** Whether `storage.sql` is available (`new_sqlite_classes`). */
  readonly sqlite: boolean;
}

/** The configuration is unusable; the message names the file and every reason. */
export class WorkerConfigError extends Error {
  override readonly name = "WorkerConfigError";
}

/** Keys that mean something on Cloudflare's network only: nothing is lost when they are not looked at here. */
const DEPLOYMENT_KEYS = new Set([
  "analytics_engine_datasets",
  "$schema",
  "account_id",
  "dev",
  "env",
  "find_additional_modules",
  "keep_vars",
  "limits",
  "logpush",
  "minify",
  "no_bundle",
  "observability",
  "placement",
  "preserve_file_names",
  "preview_urls",
  "route",
  "routes",
  "rules",
  "send_metrics",
  "tsconfig",
  "upload_source_maps",
  "workers_dev",
]);

const migrationSchema = z.strictObject({
  tag: z.string(),
  new_classes: z.array(z.string()).optional(),
  new_sqlite_classes: z.array(z.string()).optional(),
  deleted_classes: z.array(z.string()).optional(),
  renamed_classes: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
});

const wranglerSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/i),
  main: z.string(),
  compatibility_date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "expected a date such as 2026-11-01"),
  compatibility_flags: z.array(z.string()).default([]),
  vars: z.record(z.string(), z.json()).default({}),
  durable_objects: z
    .strictObject({
      bindings: z
        .array(z.strictObject({ name: z.string(), class_name: z.string(), script_name: z.string().optional() }))
        .default([]),
    })
    .default({ bindings: [] }),
  migrations: z.array(migrationSchema).default([]),
  services: z
    .array(z.strictObject({ binding: z.string(), service: z.string(), entrypoint: z.string().optional() }))
    .default([]),
  secrets: z.strictObject({ required: z.array(z.string()).default([]) }).default({ required: [] }),
  define: z.record(z.string(), z.string()).default({}),
  alias: z.record(z.string(), z.string()).default({}),
});

/** @param configFile path of a wrangler.toml @throws WorkerConfigError with all reasons at once */
export function readWorkerDefinition(configFile: string): WorkerDefinition {
  return parseWorkerDefinition(readFileSync(configFile, "utf8"), configFile);
}

/** @param text content of a wrangler.toml @param configFile its path, for messages and relative paths */
export function parseWorkerDefinition(text: string, configFile: string): WorkerDefinition {
  const parsed = wranglerSchema.safeParse(withoutDeploymentKeys(parseToml(text, configFile)));
  if (!parsed.success) throw new WorkerConfigError(describe(configFile, parsed.error));
  const config = parsed.data;
  const folder = path.dirname(path.resolve(configFile));
  return {
    configFile: path.resolve(configFile),
    name: config.name,
    main: path.resolve(folder, config.main),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    vars: config.vars,
    durableObjects: durableObjects(config, configFile),
    services: config.services,
    requiredSecrets: config.secrets.required,
    define: config.define,
    alias: config.alias,
  };
}

function parseToml(text: string, configFile: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    throw new WorkerConfigError(`${configFile}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function withoutDeploymentKeys(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !DEPLOYMENT_KEYS.has(key)));
}

function durableObjects(config: z.infer<typeof wranglerSchema>, configFile: string): DurableObjectBinding[] {
  const sqlite = new Set<string>();
  for (const migration of config.migrations) {
    for (const name of migration.new_sqlite_classes ?? []) sqlite.add(name);
    for (const { from, to } of migration.renamed_classes ?? []) if (sqlite.delete(from)) sqlite.add(to);
    for (const name of migration.deleted_classes ?? []) sqlite.delete(name);
  }
  return config.durable_objects.bindings.map(({ name, class_name: className, script_name: script }) => {
    if (script !== undefined && script !== config.name) {
      throw new WorkerConfigError(
        `${configFile}: Durable Object binding ${name} belongs to the Worker ${script}, which is another process here; bind that Worker as a service`,
      );
    }
    return { binding: name, className, sqlite: sqlite.has(className) };
  });
}

function describe(configFile: string, error: z.ZodError): string {
  const reasons = error.issues.flatMap((issue) => {
    const where = issue.path.map(String).join(".");
    if (issue.code !== "unrecognized_keys") return [`${where}: ${issue.message}`];
    return issue.keys.map((key) => `${[where, key].filter(Boolean).join(".")}: plain workerd cannot honour this key`);
  });
  return reasons.map((reason) => `${configFile}: ${reason}`).join("\n");
}
