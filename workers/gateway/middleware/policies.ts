import type { CodeCaller } from "../code/code-exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** The user's own middleware, where the route names some. What runs it is loaded by the first request that needs it. */
export function policies(caller: CodeCaller): Stage {
  return {
    needs: (c) => c.get("route").policies !== undefined,
    around: async (c, next) => {
      const { runPolicies } = await import("../code/run-code.ts");
      return runPolicies(c, caller, next);
    },
  };
}
