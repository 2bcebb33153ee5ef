/** The few words that documents and requests are made of, so that they meet often. */
export const HOSTS = ["api.shop.example", "*.shops.example"] as const;
export const SEGMENTS = ["orders", "items", "v1", "42"] as const;
export const NAMES = ["id", "name", "kind"] as const;
export const HEADERS = ["x-a", "x-b", "api-version"] as const;
export const QUERIES = ["q", "page"] as const;
export const COOKIES = ["beta", "side"] as const;
export const VALUES = ["b", "1", "on", "B2"] as const;
export const SCOPES = ["read", "write"] as const;
export const TENANTS = ["acme", "other"] as const;
export const SERVICES = ["orders", "users"] as const;
