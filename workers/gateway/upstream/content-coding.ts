/** Content codings (RFC 9110 section 8.4.1). */

/** Codings that the gateway takes off what it has to look into. */
export type Coding = "gzip" | "deflate";

/** @param field `Content-Encoding` @returns undefined for codings that are not taken off */
export function codingOf(field: string | null | undefined): Coding | "identity" | undefined {
  const coding = namedCoding(field);
  return coding === "gzip" || coding === "deflate" || coding === "identity" ? coding : undefined;
}

/** Whether the platform takes the coding off an answer that is read here (Fetch standard section 4.3). */
export const isDecoded = (field: string | null): boolean => ["gzip", "br"].includes(namedCoding(field));

const namedCoding = (field: string | null | undefined): string => field?.trim().toLowerCase() ?? "identity";
