/** Pages of what is wrong with a document's form, its references and its environment. */
import type { CodePage } from "./page.ts";

export const formPages = {
  SLV1001: {
    why: "Nothing of a text can be used that is not YAML 1.2 (or JSON, which is a part of it). Often an indentation by tabs, a quote that is not closed, or a value with `: ` or `#` in it.",
    fix: "Look at the line that is named, and the one above it. Put values with special characters into double quotes; indent by spaces.",
    example: 'description: "orders: all of them"',
  },
  SLV1002: {
    why: "Of two keys with one name one would be lost, and nobody would know which.",
    fix: "Remove one of the two, or merge what stands under them.",
  },
  SLV1003: {
    why: "Everything in a document has a bound, so that compiling and serving it stays cheap. The message names the bound and what was found.",
    fix: "Shorten or split what is named. Many routes of one kind are often one route with a path parameter or a list of methods.",
  },
  SLV1004: {
    why: "Tags, complex keys and aliases without an anchor mean something in YAML, and nothing in a document.",
    fix: "Write the value out. Anchors (`&name`) and aliases (`*name`) can be used when the anchor comes first.",
  },
  SLV2001: {
    why: "The value cannot mean anything at its place: another type, no duration, no size, no path.",
    fix: "Write what is expected; the message shows the nearest form. Durations are `300ms`, `10s`, `5m`, `1h`, sizes `64KiB`, rates `100/minute`.",
    example: "timeout: 10s",
  },
  SLV2002: {
    why: "What stands there is not complete without this key.",
    fix: "Add the key. An editor with the schema (`selvage schema`) offers it.",
  },
  SLV2003: {
    why: "An unknown key is an error, because a misspelt one would do nothing without anybody noticing.",
    fix: "Take the name that is suggested, move the key to where it belongs, or remove it. `docs/document.md` lists all keys.",
    example: "to: orders          # not `too: orders`",
  },
  SLV2004: {
    why: "Names become parts of host names, headers, metrics or identities, and some are taken.",
    fix: "Choose another name of the form that the message expects: mostly lower-case letters, digits and `-`.",
  },
  SLV2005: {
    why: "The keys exclude each other, or one of them has to decide.",
    fix: "Keep exactly one of the keys that the message names.",
    example: "- { name: orders, match: { path: /orders/* }, to: orders }   # `to`, or `aggregate`, or `respond`, ...",
  },
  SLV3001: {
    why: "A route or rule leads to a service or upstream that the document does not define: every request would fail.",
    fix: "Correct the name, or define it in `mesh.services` or `gateway.upstreams`.",
    example: "mesh: { services: { orders: { port: 8080 } } }",
  },
  SLV3002: {
    why: "`auth` or a decision names something that is not defined: nobody could be let in by it.",
    fix: "Correct the name, or define it in `gateway.identity` or `gateway.decisions`.",
  },
  SLV3003: {
    why: "Traffic is sent to a subset that its service does not have.",
    fix: "Correct the name, or add it to `subsets` of the service.",
    example: "subsets: { v2: { version: v2 } }",
  },
  SLV3004: {
    why: "A template would be filled with nothing.",
    fix: "Use a name that is there: a path parameter of `match.path`, a part that comes earlier, a member of the identity. The message lists what is known.",
  },
  SLV3005: {
    why: "Each part of the cycle waits for another one, so none could begin.",
    fix: "Take the value that closes the cycle from somewhere else, or move it to a part of its own.",
  },
  SLV3006: {
    why: "Names tell things apart in metrics, logs and references; the second of the same name would replace or repeat the first.",
    fix: "Rename one of them, or remove the repetition.",
  },
  SLV3010: {
    why: "No request for this host is ever let in, so what names it is never used.",
    fix: "Correct the host, or add it to `gateway.hosts`.",
  },
  SLV3082: {
    why: "Files are read where the document is loaded, below its own folder. A pattern that finds nothing is mostly a misspelt one.",
    fix: "Correct the path in `include`, and load the document with `selvage`, which reads the files.",
    example: "include: [teams/*.yaml]",
  },
  SLV3084: {
    why: "Without the owner nobody's rights cover what names it.",
    fix: "Correct the name, or define it in `owners`.",
  },
  SLV3085: {
    why: "An owner's file may do only what the document grants to the owner.",
    fix: "Have an administrator widen the grant in `owners`, or leave it out of the owner's file.",
  },
  SLV3135: {
    why: "The document names a file beside it that is missing, too large or cannot be read.",
    fix: "Correct the path: it is relative to the document. Check that the file is committed and can be read.",
  },
  SLV3235: {
    why: "With an owner's token one may change the parts of this owner and nothing else.",
    fix: "Take the change out, or have the other owner or an administrator apply it. `selvage diff` shows what would change, and whose it is.",
  },
  SLV3236: {
    why: "Routes are found by precedence and gateways share settings, so a change of an own part can take requests or rights from others.",
    fix: "Narrow the match or the access of the own part, or have an administrator apply the change.",
  },
  SLV4001: {
    why: "The document refers to a secret by name, and it was not found where this command looked. Gateways refuse what needs it until it is there.",
    fix: "Locally: `SECRET_NAME=...` in the environment, or a line `NAME=value` in `.selvage/secrets` (chmod 600). Deployed: `wrangler secret put SECRET_NAME`. `selvage secret check FILE` shows all of them.",
    example: 'authorization: "Bearer ${secret:BILLING_TOKEN}"',
  },
  SLV4002: {
    why: "`${env:NAME}` is replaced where the document is loaded, and there is no such variable and no default.",
    fix: "Set the variable, or give a default.",
    example: 'issuer: "${env:SHOP_ISSUER:-https://login.shop.example/}"',
  },
  SLV4003: {
    why: "A reference that is misspelt would be sent as a text, and a secret may stand only where it cannot leak.",
    fix: "Write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`; put secrets into values of headers and query, settings of code and secrets of providers only.",
  },
  SLV3241: {
    why: "What was ignored is gone, or was misspelt: the entry would hide something new by accident.",
    fix: "Remove the entry, or correct its code and place.",
  },
  SLV3228: {
    why: "A case that expects nothing passes whatever happens, and protects nothing.",
    fix: "Say what is to come of the request: its status, its route, or who refuses it.",
  },
  SLV3229: {
    why: "No answer can be all of what is expected, so the case fails always.",
    fix: "Remove the expectation that is not meant.",
  },
  SLV3230: {
    why: "The route or service was renamed or removed; the case would fail for its name alone.",
    fix: "Correct the name. `selvage routes --file FILE` lists the routes.",
  },
  SLV3231: {
    why: "No client could send this request, so it says nothing about real ones.",
    fix: "Write a method, a path from `/` on and fields of the form that HTTP has.",
  },
} as const satisfies Record<string, CodePage>;
