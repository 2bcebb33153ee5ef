/** Checks of routes to services by gRPC: calls pass the edge as gRPC-Web, which are POST and no JSON. */

import { callsOfCode } from "./check-code.ts";
import type { Cursor } from "./cursor.ts";
import { partTargets } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { isShadow } from "./shadow.ts";
import { validatePlace } from "./validate-place.ts";

export function checkGrpcWeb(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services").entries.filter(([, { value }]) => isByGrpc(value));
  const names = new Set(services.map(([name]) => name));
  const routes = top.get("gateway", "routes").items;
  return [
    ...routes.flatMap((route) => checkParts(route, names)),
    ...checkCalls(
      routes.filter((route) => names.has(route.get("to").text ?? "")),
      top.get("gateway", "cors"),
    ),
    ...checkHeld(top, names),
    ...services.flatMap(([, service]) =>
      checkCalls(service.get("expose", "routes").items, service.get("expose", "cors")),
    ),
  ];
}

const isByGrpc = (service: unknown): boolean =>
  typeof service === "object" && service !== null && "protocol" in service && service.protocol === "grpc";

/** Parts are asked in JSON, unless they say otherwise, and code asks in plain HTTP. */
function checkParts(route: Cursor, names: ReadonlySet<string>): DocumentProblem[] {
  const called = callsOfCode(route).map(({ place }) => place);
  const asked = partTargets(route).filter(({ path }) => !route.get("aggregate", path.at(-2) ?? "", "transcode").exists);
  return [...asked, ...called]
    .filter(({ text }) => text !== undefined && names.has(text.split(":")[0] ?? ""))
    .map(({ path, text }) =>
      warning("SLV3052", path, `${text} speaks gRPC, and code, and parts without \`transcode\`, ask otherwise`),
    );
}

/** @param routes that lead to services by gRPC @param cors that holds for them */
function checkCalls(routes: readonly Cursor[], cors: Cursor): DocumentProblem[] {
  // What comes as JSON has its own methods and may be edited.
  const plain = routes.filter((route) => !route.get("transcode").exists);
  if (plain.length === 0) return [];
  return [...plain.flatMap(checkMethods), ...plain.flatMap(checkEdits), ...checkCors(cors)];
}

function checkMethods(route: Cursor): DocumentProblem[] {
  const methods = route.get("match", "methods");
  const edited = route.get("transform", "request", "method");
  const problems: DocumentProblem[] = [];
  if (methods.items.length > 0 && !methods.texts.includes("POST"))
    problems.push(
      warning("SLV3160", methods.path, "no call by gRPC is taken: their method is POST", {
        suggestion: "methods: [POST]",
      }),
    );
  if (edited.text !== undefined && edited.text !== "POST")
    problems.push(error("SLV3161", edited.path, `a call by gRPC is POST, as ${edited.text} it is none`));
  return problems;
}

function checkEdits(route: Cursor): DocumentProblem[] {
  const edits = [route.get("transform", "request"), ...route.get("transform", "response").oneOrItems];
  const problems = edits
    .flatMap((edit) => ["json", "body"].map((key) => edit.get(key)))
    .filter(({ exists }) => exists)
    .map((edit) =>
      refusesOthers(edit)
        ? error("SLV3161", edit.path, "messages of gRPC are no JSON: this refuses every call", { at: "key" })
        : warning("SLV3162", edit.path, "messages of gRPC are no JSON: this edits none of them", { at: "key" }),
    );
  const { exists, path } = route.get("graphql");
  if (exists) problems.push(error("SLV3161", path, "calls by gRPC are not GraphQL: this refuses all", { at: "key" }));
  return problems;
}

/** @param names of services by gRPC */
function checkHeld(top: Cursor, names: ReadonlySet<string>): DocumentProblem[] {
  const plain = top
    .get("gateway", "routes")
    .items.filter((route) => names.has(route.get("to").text ?? "") && !route.get("transcode").exists);
  const held = plain.flatMap((route) => validatePlace(route, top) ?? []);
  const enforced = held.filter(
    (validate) => !isShadow(validate) && !["off", "shadow"].includes(validate.get("requests").text ?? ""),
  );
  return [...new Map(enforced.map(({ path }) => [path.join(), path])).values()].map((path) =>
    warning("SLV3161", path, "calls by gRPC are refused where the description does not have them", { at: "key" }),
  );
}

/** Translations of requests do, unless they say otherwise. */
function refusesOthers(edit: Cursor): boolean {
  const others = edit.get("others").value;
  const [side, key] = edit.path.slice(-2);
  return others === "refuse" || (others === undefined && side === "request" && key === "body");
}

/** What browsers ask for before each call by gRPC-Web. */
const ASKED = ["content-type", "x-grpc-web"];

function checkCors(cors: Cursor): DocumentProblem[] {
  const [allowed, methods] = [cors.get("allowHeaders"), cors.get("methods")];
  const problems: DocumentProblem[] = [];
  if (methods.exists && !methods.texts.includes("POST"))
    problems.push(
      warning("SLV3163", methods.path, "pages may not call by gRPC-Web: its method is POST", { suggestion: "POST" }),
    );
  if (allowed.items.length === 0) return problems;
  const known = new Set(allowed.texts.map((name) => name.toLowerCase()));
  const missing = ASKED.filter((name) => !known.has(name));
  if (missing.length > 0)
    problems.push(
      warning("SLV3163", allowed.path, `pages may not call by gRPC-Web: browsers ask for ${missing.join(", ")}`, {
        suggestion: "content-type, x-grpc-web, x-user-agent, grpc-timeout",
      }),
    );
  return problems;
}
