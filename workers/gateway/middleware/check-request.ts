import { SelvageError } from "../../../shared/errors.ts";
import { inspectHead, refuseMethod } from "../../../shared/http/inspect-head.ts";
import { parseRequestTarget } from "../../../shared/http/request-target.ts";
import type { Stage } from "../upstream/stages.ts";

/** Refuses heads that are too large or can be read in two ways, before anything is decided by them. */
export function checkRequest(): Stage {
  return {
    enter: (c) => {
      const { url, body } = c.req.raw;
      const method = c.get("method");
      const target = parseRequestTarget(url);
      if (target === undefined) throw new SelvageError("bad_request", "host or target of the request is malformed");
      c.set("target", target);
      c.set("scheme", url.startsWith("https:") ? "https" : "http");
      const { dropped, refused } = inspectHead(c.get("lines"), target.path.length + target.query.length);
      if (refused !== undefined) throw new SelvageError(refused.code, refused.reason);
      const unserved = refuseMethod(method, body !== null && c.get("head").get("content-length") !== "0");
      if (unserved !== undefined) throw new SelvageError(unserved.code, unserved.reason);
      c.set("dropped", dropped);
      return undefined;
    },
  };
}
