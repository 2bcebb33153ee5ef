/** Checks of `descriptors` and `transcode`, as far as a document alone says them; see `cli/artifacts/check-transcoded.ts` for the rest. */
import { otherTargets } from "./check-edge-traffic.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** What makes an answer by itself, or of requests that are none of a method's. */
const OTHERS = ["aggregate", "respond", "redirect", "handler", "graphql", "upgrades"];

export function checkTranscode(top: Cursor): DocumentProblem[] {
  const descriptors = top.get("gateway", "descriptors");
  const routes = top.get("gateway", "routes").items;
  const used = new Set(routes.flatMap((route) => route.get("transcode", "descriptor").text ?? []));
  const unused = descriptors.entries
    .filter(([name]) => !used.has(name))
    .map(([name, { path }]) =>
      warning("SLV3169", path, `no route has the descriptor ${quote(name)} in its \`transcode\``, { at: "key" }),
    );
  return [...routes.flatMap((route) => checkRoute(route, descriptors.keys, top.get("mesh", "services"))), ...unused];
}

function checkRoute(route: Cursor, descriptors: readonly string[], services: Cursor): DocumentProblem[] {
  const transcode = route.get("transcode");
  if (!transcode.exists) return [];
  const { text, path } = transcode.get("descriptor");
  const unknown =
    text === undefined || descriptors.includes(text)
      ? []
      : [unknownName("SLV3166", "descriptor", text, descriptors, path)];
  const meaningless = OTHERS.filter((key) => route.get(key).exists).map((key) =>
    error("SLV3169", transcode.path, `\`transcode\` has no meaning with \`${key}\``, { at: "key" }),
  );
  return [...unknown, ...meaningless, ...checkTargets(route, services)];
}

function checkTargets(route: Cursor, services: Cursor): DocumentProblem[] {
  const to = route.get("to");
  const own = to.text === undefined ? [] : [{ name: to.text, place: to, at: "value" as const }];
  return [...own, ...otherTargets(route)].flatMap(({ name, place, at }) => {
    const service = services.get(name);
    if (!service.exists || service.get("protocol").value === "grpc") return [];
    const message = `the service ${name} does not speak gRPC, which requests of this route become`;
    return [error("SLV3169", place.path, message, { at, suggestion: `protocol: grpc at ${name}` })];
  });
}
