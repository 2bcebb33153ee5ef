/** Fields that tell browsers what pages may do, and fields that tell nobody what is behind the gateway. */

export interface SecurityFields {
  /** Lower-case name to value, for answers that do not say it themselves. */
  readonly fields: Readonly<Record<string, string>>;
  /** `Strict-Transport-Security`, for clients who came by https (RFC 6797 section 7.2). */
  readonly hsts?: string;
  /** Names in lower case. */
  readonly remove: readonly string[];
}

interface ChangedFields {
  has(name: string): boolean;
  set(name: string, value: string): void;
  delete(name: string): void;
}

/** What an upstream says itself of its pages stays. */
export function addSecurityFields(headers: ChangedFields, settings: SecurityFields, scheme: "http" | "https"): void {
  for (const name of settings.remove) headers.delete(name);
  for (const [name, value] of Object.entries(settings.fields)) if (!headers.has(name)) headers.set(name, value);
  if (settings.hsts !== undefined && scheme === "https") headers.set("strict-transport-security", settings.hsts);
}
