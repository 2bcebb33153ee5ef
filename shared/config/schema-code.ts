/** `policies`, `handler` and `calls` of a route: code of the user's own. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { list, serviceName, text } from "./fields.ts";
import { target } from "./schema-edge-traffic.ts";

const { policiesMax, namedCallsMax } = limits.code;

const file = text(
  "a file below the folder of the document such as policies/add-tenant.ts",
  /^(?!.*(?:^|\/)\.\.?\/)[A-Za-z0-9_@][A-Za-z0-9._@-]*(?:\/[A-Za-z0-9._@-]+)*\.(?:ts|mts|js|mjs)$/,
);

const settings = z.record(z.string().min(1), z.unknown()).describe("What the code gets as its settings.");

const use = z.strictObject({
  use: file.describe("Module whose default export is the code."),
  with: settings.optional(),
});

export const policies = z.array(use).max(policiesMax, { error: `a list of at most ${policiesMax}` });

export const handler = z.union([file, use]);

export const calls = z.union([
  list(target).max(namedCallsMax, { error: `a list of at most ${namedCallsMax}` }),
  z.record(serviceName, target).refine((named) => Object.keys(named).length <= namedCallsMax, {
    error: `at most ${namedCallsMax}`,
  }),
]);

export type CodeConfig = z.infer<typeof use>;
export type CallsConfig = z.infer<typeof calls>;
