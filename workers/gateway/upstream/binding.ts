import { SelvageError } from "../../../shared/errors.ts";

/**
 * What a target is called by.
 * @param env bindings of the Worker
 * @param name that the document says
 * @throws SelvageError binding_missing
 */
export function bindingOf(env: object, name: string): Pick<Fetcher, "fetch"> {
  const found = (env as Readonly<Record<string, unknown>>)[name];
  if (typeof found === "object" && found !== null && "fetch" in found) return found as Fetcher;
  const what = found === undefined ? "the Worker has no binding" : "this is no service, VPC or mTLS binding:";
  throw new SelvageError("binding_missing", `${what} ${name}; bindings are named in wrangler.toml`);
}
