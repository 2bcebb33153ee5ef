/** Checks of `descriptors` and `transcode`, as far as a document alone says them; see `cli/artifacts/check-transcoded.ts` for the rest. */
import { type NamedTarget, otherTargets } from "./check-edge-traffic.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { callsOf } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** What makes an answer by itself, or of requests that are none of a method's. */
const OTHERS = ["aggregate", "respond", "redirect", "handler", "graphql", "upgrades"];

export function checkTranscode(top: Cursor): DocumentProblem[] {
  const descriptors = top.get("gateway", "descriptors");
  const routes = top.get("gateway", "routes").items;
  const parts = routes.flatMap((route) => route.get("aggregate").entries.map(([, part]) => part));
  const used = new Set([...routes, ...parts].flatMap((one) => one.get("transcode", "descriptor").text ?? []));
  const unused = descriptors.entries
    .filter(([name]) => !used.has(name))
    .map(([name, { path }]) =>
      warning("SLV3169", path, `no route or part has the descriptor ${quote(name)} in its \`transcode\``, {
        at: "key",
      }),
    );
  const services = top.get("mesh", "services");
  return [
    ...routes.flatMap((route) => checkRoute(route, descriptors.keys, services)),
    ...parts.flatMap((part) => checkPart(part, descriptors.keys, services)),
    ...unused,
  ];
}

function checkPart(part: Cursor, descriptors: readonly string[], services: Cursor): DocumentProblem[] {
  const transcode = part.get("transcode");
  if (!transcode.exists) return [];
  const encoding = part.get("encoding");
  const [call] = callsOf(part);
  const target = call?.split?.target;
  const name = target !== undefined && "service" in target ? target.service : "";
  return [
    ...checkDescriptor(transcode, descriptors),
    ...(encoding.exists
      ? [
          error("SLV3169", encoding.path, "`encoding` has no meaning with `transcode`: its answer is JSON", {
            at: "key",
          }),
        ]
      : []),
    ...(call === undefined ? [] : checkProtocol({ name, place: call.at, at: "value" }, services)),
  ];
}

function checkDescriptor(transcode: Cursor, descriptors: readonly string[]): DocumentProblem[] {
  const { text, path } = transcode.get("descriptor");
  if (text === undefined || descriptors.includes(text)) return [];
  return [unknownName("SLV3166", "descriptor", text, descriptors, path)];
}

function checkRoute(route: Cursor, descriptors: readonly string[], services: Cursor): DocumentProblem[] {
  const transcode = route.get("transcode");
  if (!transcode.exists) return [];
  const meaningless = OTHERS.filter((key) => route.get(key).exists).map((key) =>
    error("SLV3169", transcode.path, `\`transcode\` has no meaning with \`${key}\``, { at: "key" }),
  );
  return [...checkDescriptor(transcode, descriptors), ...meaningless, ...checkTargets(route, services)];
}

function checkTargets(route: Cursor, services: Cursor): DocumentProblem[] {
  const to = route.get("to");
  const own = to.text === undefined ? [] : [{ name: to.text, place: to, at: "value" as const }];
  return [...own, ...otherTargets(route)].flatMap((one) => checkProtocol(one, services));
}

function checkProtocol({ name, place, at }: NamedTarget, services: Cursor): DocumentProblem[] {
  const service = services.get(name);
  if (!service.exists || service.get("protocol").value === "grpc") return [];
  const message = `the service ${name} does not speak gRPC, which these requests become`;
  return [error("SLV3169", place.path, message, { at, suggestion: `protocol: grpc at ${name}` })];
}
