/** What tests use of it; the package brings no types. */
declare module "http-cache-semantics" {
  interface Message {
    readonly headers: Readonly<Record<string, string>>;
  }
  export default class CachePolicy {
    constructor(
      request: Message & { readonly method: string; readonly url: string },
      response: Message & { readonly status: number },
    );
    /** To be replaced by tests. */
    now(): number;
    storable(): boolean;
    /** Seconds. */
    age(): number;
    maxAge(): number;
    satisfiesWithoutRevalidation(request: Message & { readonly method: string; readonly url: string }): boolean;
  }
}
