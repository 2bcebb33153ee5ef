/** Pages of what is wrong with API descriptions, descriptors and translations. */
import type { CodePage } from "./page.ts";

export const contractPages = {
  SLV3140: {
    why: "`validate` names a contract that is not defined: nothing would be checked.",
    fix: "Correct the name, or define it in `contracts`.",
  },
  SLV3141: {
    why: "The file is no OpenAPI of version 3.0, 3.1 or 3.2.",
    fix: "Check its `openapi` member, and that it is the description and not a part of one.",
  },
  SLV3142: {
    why: "What stands behind the reference is missing, leads back to itself, or lies outside of the folder.",
    fix: "Correct the `$ref`; files are relative to the one with the reference.",
  },
  SLV3143: {
    why: "OpenAPI does not have this form, so what it means is unknown.",
    fix: "Correct the description at the place that is named.",
  },
  SLV3144: {
    why: "A request must lead to one operation, and an operationId names one.",
    fix: "Merge the two, or tell them apart by path; give each an operationId of its own.",
  },
  SLV3145: {
    why: "The template of the path and its parameters do not go together.",
    fix: "Describe each `{name}` once, with `in: path` and `required: true`.",
  },
  SLV3146: {
    why: "The overlay is none, or its action cannot be carried out.",
    fix: "Compare it with the Overlay Specification 1.0; the message names the action.",
  },
  SLV3147: {
    why: "Mostly the target was renamed in the description, and the overlay was forgotten.",
    fix: "Correct its `target`, or remove the action.",
  },
  SLV3148: {
    why: "Values are held to the schema as far as it can be used; the rest is not checked.",
    fix: "Correct the schema, or accept what the warning says.",
  },
  SLV3149: {
    why: "The contract is read, and nobody is held to it.",
    fix: "Add `validate` to a route or service, or remove the contract.",
    example: "validate: { contract: orders }",
  },
  SLV3160: { why: "Calls by gRPC are POST.", fix: "Let the route match `methods: [POST]`, or leave `methods` out." },
  SLV3161: {
    why: "With this setting every call by gRPC is refused or is none any more.",
    fix: "Remove it from routes to services of gRPC.",
  },
  SLV3162: {
    why: "Messages of gRPC are binary, so an edit of JSON never applies.",
    fix: "Remove the edit, or use `transcode` so that clients send JSON.",
  },
  SLV3163: {
    why: "Browsers ask before they call (CORS), and the answer would refuse them.",
    fix: "Allow POST and the headers that are named in `cors`.",
    example:
      "cors: { origins: [https://app.example], methods: [POST], headers: [content-type, x-grpc-web, x-user-agent, grpc-timeout] }",
  },
  SLV3165: {
    why: "The file is no descriptor set of protobuf, or not whole.",
    fix: "Make it with `protoc --include_imports --descriptor_set_out=FILE` or `buf build -o FILE`.",
  },
  SLV3166: {
    why: "`transcode` names a descriptor or service that is not there.",
    fix: "Correct the name, with its package: `shop.v1.Orders`.",
  },
  SLV3167: {
    why: "The rule does not fit the message, or another rule has the same path.",
    fix: "Correct `google.api.http` in the .proto file and make the descriptor anew.",
  },
  SLV3168: {
    why: "No request can lead to these methods by JSON.",
    fix: "Give them a rule of `google.api.http`, set `autoMap: true`, or make the route's path fit.",
  },
  SLV3169: {
    why: "The setting has no meaning beside `transcode`, or nothing uses the descriptor.",
    fix: "Remove it, or use the descriptor in a route.",
  },
  SLV3170: {
    why: "Each direction of a translation has settings of its own.",
    fix: "Remove the setting, or change `from` or `to` so that it means something.",
  },
  SLV3171: {
    why: "The XML would not be well-formed, or mean something else.",
    fix: "Use names and prefixes that XML 1.0 and its namespaces allow.",
  },
  SLV3172: {
    why: "The path finds nothing in the message, so its setting is never used.",
    fix: "Write names of members, each behind a `/`, from below `root`.",
  },
  SLV3173: {
    why: "SOAP sends faults with 500, and this translation is only for other statuses.",
    fix: "Add 500 to `when`, or leave `when` out.",
  },
  SLV3174: {
    why: "A GET has no body that could be translated.",
    fix: "Set `method: POST`, and say by `json.template` what is sent.",
  },
  SLV3178: {
    why: "Agents get no contracts: requests that come by `expose` are not checked.",
    fix: "Lead these requests through a route of the gateway, or know that the app has to check them.",
  },
  SLV3200: {
    why: "What requests are held to is decided by `to` alone; those that `traffic` sends elsewhere would not be held to what they come to.",
    fix: "Say `validate` at the route itself, or `validate: false`.",
  },
} as const satisfies Record<string, CodePage>;
