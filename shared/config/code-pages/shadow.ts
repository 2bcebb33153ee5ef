/** Pages of what is wrong with policies in shadow. */
import type { CodePage } from "./page.ts";

export const shadowPages = {
  SLV3232: {
    why: "A policy either refuses or is only watched; two words for it can contradict each other, and the next reader changes one of them.",
    fix: "Say it once: `mode: shadow`, or `shadow: true` beside the `mode` that says how a limit counts.",
    example: "rateLimit: { limit: 60/minute, by: identity, mode: exact, shadow: true }",
  },
  SLV3233: {
    why: "With `auth: { mode: shadow }` credentials are judged and nobody is refused: whoever is not let in passes as anonymous. The route is open for as long as it stands there.",
    fix: "Look at `selvage stat shadow`; when it shows what you expect take the mode away. Where the route was open before, let the finding stand with a reason.",
    example: `check:
  ignore: [{ code: SLV3233, at: routes.orders, reason: "open as it was, until clients have keys" }]`,
  },
  SLV3234: {
    why: "There is nothing that could be refused, so nothing will be counted.",
    fix: "Add what would refuse (`sunset` or `brownouts`), or remove the mode.",
  },
  SLV3237: {
    why: "The gateway lets everybody pass in shadow, and the agents of the service refuse those without the scopes or claims that its `access` asks for: clients see refusals though nobody enforces the route's `auth`.",
    fix: "Put the rule of `access` into shadow as well, as long as the route is.",
    example: "access: [{ from: gateway, scopes: [orders:read], mode: shadow }]",
  },
} as const satisfies Record<string, CodePage>;
