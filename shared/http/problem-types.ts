/**
 * Problem types of draft-ietf-httpapi-ratelimit-headers, section 5. Its third, `abnormal-usage-detected`, says of a client that it
 * misbehaves, which nothing here can know of one client.
 */
export const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";
export const TEMPORARY_REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
