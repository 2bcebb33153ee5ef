/** The client's address behind proxies that are trusted. */

export const clientIp = {
  /** Addresses and networks of trusted proxies; the lists that content delivery networks publish have up to 100. */
  proxiesMax: 256,
  /** Proxies in a row that are followed back; a longer chain tells nothing. */
  hopsMax: 16,
  /** One element of `Forwarded` or `X-Forwarded-For`, of which only the last are read. */
  elementCharsMax: 512,
} as const;
