import type { HandlerTarget } from "../../../shared/policy/custom-code.ts";
import type { CodeCaller } from "../code/code-exchange.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers by the user's own code. Other targets are left to other stages. */
export function handle(caller: CodeCaller): Stage {
  const run = async (c: Context<GatewayEnv>, target: HandlerTarget): Promise<Response> => {
    const { runHandler } = await import("../code/run-code.ts");
    return runHandler(c, caller, target);
  };
  return {
    enter: (c) => {
      const { target } = c.get("route");
      return target.kind === "handler" ? run(c, target) : undefined;
    },
  };
}
