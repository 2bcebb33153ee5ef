/** What must hold, by name. */
export type RuleName =
  | "versions never go back"
  | "what is said to be served is served"
  | "no acknowledged version is lost"
  | "no endpoint stops before its callers know"
  | "no withdrawn endpoint stays in use"
  | "who is told to wait keeps its endpoint"
  | "no valid credential is dropped"
  | "no identity outside the rules"
  | "no root goes that is in use"
  | "no key is used that somebody lacks"
  | "a canary begins when everybody has it"
  | "a request is decided by one version"
  | "no canary is live unless it was promoted"
  | "what was rolled back never comes back"
  | "no other share is drawn than was set"
  | "a canary is judged by its requests"
  | "no token is spent twice"
  | "who is revoked stays out"
  | "who is enrolled comes back"
  | "everything converges";

export class Violation extends Error {
  readonly rule: RuleName;
  constructor(rule: RuleName, text: string) {
    super(`${rule}: ${text}`);
    this.rule = rule;
  }
}
