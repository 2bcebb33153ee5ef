import { describeTarget } from "../../shared/plan/describe-target.ts";
import type { Explanation } from "../../shared/plan/explain-step.ts";
import { withoutCredentials } from "../shown-fields.ts";

/** What an upstream would get, in the words of test files. */
export interface SentOn {
  /** `service orders`, `upstream payments` or an origin. */
  readonly to: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Of the client's and the document's making; names in lower case. Selvage adds some of its own. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Undefined where nothing is sent on, or not one known request. */
export function sentOn(result: Explanation["result"]): SentOn | undefined {
  if (result.outcome !== "forward" || result.sent === undefined) return undefined;
  const { to, method, path, query, fields } = result.sent;
  return { to: describeTarget(to), method, path: path + query, headers: withoutCredentials(fields) };
}
