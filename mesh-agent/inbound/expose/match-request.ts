/** Finds the route, by a path that is normalised once and can be read in one way only, and with it what the request may take. */
import { SelvageError } from "../../../shared/errors.ts";
import { matchRoute } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";
import type { Stage } from "../../proxy/call.ts";
import { BoundedBody } from "./bounded-body.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const matchRequest: Stage<ExposedCall> = (call, next) => {
  const { authority: host, path: rawPath, query } = call.target;
  const { path, refused } = normalisePath(rawPath);
  if (path === undefined) throw new SelvageError("ambiguous_path", `path ${refused}`);
  const { method } = call.exchange.head;
  const { clientIp } = call.facts;
  const found = matchRoute(call.held.table, { host, method, path, query, header: call.field, clientIp });
  if (found.route === undefined) {
    if (found.allow !== undefined) call.addToErrors(["allow", found.allow.join(", ")]);
    throw new SelvageError(found.missing, `${method} ${host} ${path}`);
  }
  const { route, params } = found;
  if (route.quarantine !== undefined)
    throw new SelvageError("route_quarantined", `route ${route.name}: ${route.quarantine}`);
  call.matched = { route, params, path };
  call.facts.route = route.name;
  call.priority = route.priority ?? "normal";
  call.deadlineMs = call.arrivedAtMs + route.timeoutMs;
  const { target } = route;
  const rewrite = target.kind === "forward" ? target.rewrite : undefined;
  call.appTarget = (typeof rewrite === "string" ? rewritePath(rewrite, params) : path) + query;
  boundBody(call, route.bodyBytesMax);
  next();
};

/** By the stated length before anything is read, else by counting. */
function boundBody(call: ExposedCall, bytesMax: number): void {
  const { bodyLength } = call.exchange.head;
  if (bodyLength === "stream") {
    call.body = new BoundedBody(call.body, bytesMax, () =>
      call.fail(
        new SelvageError("body_too_large", `streamed body, the route takes ${bytesMax} bytes`, { sent: "body" }),
      ),
    );
  } else if (bodyLength > bytesMax)
    throw new SelvageError("body_too_large", `body of ${bodyLength} bytes, the route takes ${bytesMax}`);
}
