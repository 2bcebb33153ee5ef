/** Looking into documents of others, whose form nobody promises. */

export type Loose = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A member that is the object's own. */
export function memberOf(value: unknown, name: string): unknown {
  const whole = objectOf(value);
  return Object.hasOwn(whole, name) ? whole[name] : undefined;
}

/** What has no equivalent, and where it stands. */
export interface Loss {
  readonly place: string;
  readonly reason: string;
}
