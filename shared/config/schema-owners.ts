/** What teams own, routes, services and upstreams: files that are included, and what each owner may do. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { host, list, name, oneOrList, text } from "./fields.ts";

const { patternsMax, grantsMax } = limits.include;

const pattern = text(
  "a file below the folder of the document such as teams/*.yaml",
  /^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))(?!.*\/\/)(?!.*\*\*)[A-Za-z0-9._*/-]{1,256}(?<!\/)$/,
);

export const include = oneOrList(pattern)
  .refine((patterns) => typeof patterns === "string" || patterns.length <= patternsMax, {
    error: `at most ${patternsMax} patterns`,
  })
  .describe("Files of owners, with their routes, services and upstreams; `*` stands for any characters of one name.");

/** What alone of a document is read before its files are put together. */
export const includeForm = z.strictObject({ include: include.optional() });

const granted = text("a path such as /payments/*", /^\/\S*$/);
const target = text(
  "a service name, or an origin such as https://example.com",
  /^(?:https?:\/\/[\x21-\x7e]+|[a-z0-9-]{1,63})$/,
);
const secret = text("the name of a secret", /^[A-Za-z_][A-Za-z0-9_]{0,127}$/);
const serviceNames = text("names of services such as payments or pay-*", /^[a-z0-9*-]{1,63}$/);
const some = <T extends z.ZodType>(item: T) => list(item).max(grantsMax, { error: `at most ${grantsMax}` });

export const ownerName = name("the name of an owner");

const grant = z
  .strictObject({
    paths: some(granted).optional().describe("Its routes match nothing else. Default: every path of its hosts."),
    hosts: some(host).optional().describe("Its routes name these hosts. Default: every host."),
    to: some(target).optional().describe("Services and origins that its routes lead to. Default: all."),
    code: some(pattern).optional().describe("Files of code that its routes may use. Default: none."),
    secrets: some(secret).optional().describe("Secrets that it may use, and bindings of its upstreams. Default: none."),
    services: some(serviceNames)
      .optional()
      .describe("Services and upstreams that it may have; `*` stands for any characters. Default: none."),
  })
  .refine(({ paths, hosts, services }) => (paths ?? hosts ?? services) !== undefined, {
    error: "`paths`, `hosts` or `services`",
  });

export const owners = z.record(ownerName, grant).describe("Who may own routes, and what of the outside is theirs.");

const named = z.record(z.string(), z.unknown(), { error: "a mapping" });

/** An included file. What it has is checked as that of the document. */
export const ownedFile = z
  .strictObject({
    $schema: z.string({ error: "a URL" }).optional(),
    owner: ownerName.describe("Whose all this is."),
    routes: z.array(z.unknown(), { error: "a list" }).optional().describe("After those of the document."),
    services: named.optional().describe("As in `mesh.services`."),
    upstreams: named.optional().describe("As in `gateway.upstreams`."),
  })
  .refine(({ routes, services, upstreams }) => (routes ?? services ?? upstreams) !== undefined, {
    error: "`routes`, `services` or `upstreams`",
  });

/** Of a route: why it is out of service. */
export const quarantine = text("one line that says why", /^[^\r\n]{1,512}$/);
