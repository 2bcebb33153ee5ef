/** Checks of what a service speaks: words and rules that mean nothing by its protocol. */
import { grpcStatusOfWord } from "../policy/grpc-status.ts";
import { RETRY_WORDS } from "../policy/settings.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

const isGrpc = (service: Cursor): boolean => service.get("protocol").value === "grpc";

export function checkProtocol(service: Cursor): DocumentProblem[] {
  return isGrpc(service) ? [...checkRepeats(service), ...checkMethods(service)] : checkWords(service);
}

function wordsOfGrpc(service: Cursor): Cursor[] {
  const named = RETRY_WORDS.filter((word) => grpcStatusOfWord(word) !== undefined) as readonly unknown[];
  return service.get("retries", "on").items.filter(({ value }) => named.includes(value));
}

function checkWords(service: Cursor): DocumentProblem[] {
  return wordsOfGrpc(service).map(({ path, text }) =>
    warning("SLV3050", path, `${text} is a status of gRPC, which calls to this service do not have`, {
      suggestion: "protocol: grpc",
    }),
  );
}

/** Calls by gRPC are POST, and what may have had an effect is sent again only where somebody says that it may. */
function checkRepeats(service: Cursor): DocumentProblem[] {
  const retries = service.get("retries");
  const declared = retries.get("idempotent");
  if (!retries.get("on").exists || (declared.exists && declared.value !== false)) return [];
  const message =
    "calls by gRPC may have had an effect: but for those that were certainly not sent, none is sent again";
  return [warning("SLV3051", retries.get("on").path, message, { suggestion: "idempotent: [/package.Service/Get]" })];
}

function checkMethods(service: Cursor): DocumentProblem[] {
  const rules = [
    ...service.get("access").items,
    ...["traffic", "mirror", "faults"].flatMap((key) => service.get(key).items.map((rule) => rule.get("match"))),
  ];
  const unfit = rules.map((rule) => rule.get("methods")).filter(({ exists, items }) => exists && !namesPost(items));
  const copies = service.get("mirror").items.filter((rule) => !rule.get("match", "methods").exists);
  return [...unfit, ...copies].map(({ path }) =>
    warning("SLV3053", path, "this rule matches no call by gRPC, whose method is POST", {
      suggestion: "methods: [POST]",
    }),
  );
}

const namesPost = (methods: readonly Cursor[]): boolean => methods.some(({ value }) => value === "POST");
