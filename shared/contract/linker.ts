import type { SchemaNode } from "./evaluation.ts";
import type { CompiledSchema } from "./schema-types.ts";

/** Makes a schema ready. @param at its name and, after `#`, the JSON pointer to it */
export type Linker = (schema: CompiledSchema, at: string) => SchemaNode;
