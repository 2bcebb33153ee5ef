import { limits } from "../../limits.ts";
import type { Description } from "./description.ts";
import type { SchemaRoots } from "./schema-roots.ts";
import type { SpecPlace } from "./spec-place.ts";

/** What readers of the parts of a description share. */
export class Reading {
  readonly description: Description;
  readonly schemas: SchemaRoots;

  constructor(description: Description, schemas: SchemaRoots) {
    this.description = description;
    this.schemas = schemas;
  }

  error(...told: Parameters<Description["error"]>): void {
    this.description.error(...told);
  }

  warn(...told: Parameters<Description["warn"]>): void {
    this.description.warn(...told);
  }

  /** Members of a mapping of names that may be absent; what is none, or too many of them, is a problem. */
  members(place: SpecPlace, name: string): [key: string, member: SpecPlace][] {
    if (!place.exists) return [];
    const { membersMax } = limits.openapi;
    const { memberEntries: entries } = place;
    if (!place.isMapping) this.error("SLV3143", place, `\`${name}\` is a mapping`);
    if (entries.length > membersMax) this.error("SLV1003", place, `there are more than ${membersMax} of \`${name}\``);
    return entries.slice(0, membersMax);
  }

  /** Whether something has the form of a schema at all; the rest is its compiler's to say. */
  isSchema(place: SpecPlace): boolean {
    if (place.isMapping || typeof place.value === "boolean") return true;
    this.error("SLV3143", place, "a schema is a mapping");
    return false;
  }
}
