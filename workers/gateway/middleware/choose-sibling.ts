import { SelvageError } from "../../../shared/errors.ts";
import { siblingFor } from "../../../shared/plan/siblings.ts";
import type { Stage } from "../upstream/stages.ts";

/** Which of the routes that match the request but for who asks takes it. What was decided before is the same for all of them. */
export function chooseSibling(): Stage {
  return {
    span: "choose sibling",
    enter: (c) => {
      const { siblings: groups } = c.get("held");
      if (groups === undefined) return undefined;
      const leader = c.get("route");
      const siblings = groups.get(leader);
      if (siblings === undefined) return undefined;
      const identity = c.get("identity");
      const route = siblingFor(siblings, identity);
      if (route === undefined)
        throw new SelvageError("no_route", `none of the routes beside ${leader.name} takes ${identity.sub}`);
      const { name, quarantine } = route;
      if (quarantine !== undefined) throw new SelvageError("route_quarantined", `route ${name}: ${quarantine}`);
      c.set("route", route);
      return undefined;
    },
  };
}
