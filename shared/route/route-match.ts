/** What a route asks of a request before it is taken, as compiled. */
export interface RouteMatch {
  /** Lower-case host names without port; `*.example.com` matches exactly one label. Empty: every host of the gateway. */
  readonly hosts: readonly string[];
  readonly path: PathPattern;
  /** Upper case; empty: every method. */
  readonly methods: readonly string[];
  /** Lower-case name to the exact value. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `/orders/{id}/items/*` as segments; `tail` is a final `*`, which stands for any rest, also none. */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly ({ readonly literal: string } | { readonly param: string })[];
  readonly tail: boolean;
}
