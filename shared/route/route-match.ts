import type { IdentityMatch } from "../auth/identity-match.ts";

/** What a route asks of a request before it is taken, as compiled. */
export interface RouteMatch {
  /** Lower-case host names without port; `*.example.com` matches every name that ends so. Empty: every host of the gateway. */
  readonly hosts: readonly string[];
  readonly path: PathPattern;
  /** Upper case; empty: every method. */
  readonly methods: readonly string[];
  /** Lower-case name to what is asked of the value. */
  readonly headers: Readonly<Record<string, ValueTest>>;
  /** By the name of the parameter. Absent: none is asked for. */
  readonly query?: Readonly<Record<string, ValueTest>>;
  /** By the name of the cookie. Absent: none is asked for. */
  readonly cookies?: Readonly<Record<string, ValueTest>>;
  /** Networks that the client's address is in one of. Absent: any. */
  readonly ip?: readonly string[];
  /** Of several that match the same requests: who asks; known, and asked, later than all else. Absent: anybody. */
  readonly identity?: IdentityMatch;
}

/** `/orders/{id}/items/*` as segments; `tail` is a final `*`, which stands for any rest, also none. */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly PathSegment[];
  readonly tail: boolean;
  /** The whole path must match it, too (RE2). The segments are then the literals that it begins with, and a tail. */
  readonly regex?: string;
}

/** `regex`: the decoded value must match it as a whole (RE2). */
export type PathSegment = { readonly literal: string } | { readonly param: string; readonly regex?: string };

/** What is asked of one value; a text: to be exactly that. */
export type ValueTest = PlainTest | { readonly present: boolean } | { readonly not: PlainTest };

type PlainTest =
  | string
  | { readonly anyOf: readonly string[] }
  | { readonly prefix: string }
  /** RE2, of the whole value. */
  | { readonly regex: string };
