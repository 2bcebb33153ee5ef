/** What `selvage help CODE` says of a code beside its meaning in `problem.ts`. */
export interface CodePage {
  /** Why it is said at all: what would go wrong. */
  readonly why: string;
  /** What to do about it. */
  readonly fix: string;
  /** A piece of a document as it is right. */
  readonly example?: string;
}
