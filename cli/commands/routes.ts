import { Command } from "commander";
import { compile } from "../../shared/plan/compile.ts";
import type { RoutePlan } from "../../shared/plan/plan.ts";
import { hostRank, hostWithoutPort } from "../../shared/route/compare-routes.ts";
import { byPrecedence } from "../../shared/route/precedence.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { describeMatch, describePolicies, describeRouteTarget } from "../describe-route.ts";
import type { ControlOptions } from "../find-system.ts";
import { type LocatedDocument, locateDocument, placeOf, sourceName } from "../located-document.ts";
import { type JsonOption, jsonOption, withControl } from "../options.ts";
import { print, printJson, say, table } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly file?: string;
  readonly host?: string;
  readonly owner?: string;
}

export function routesCommand(): Command {
  const command = new Command("routes")
    .description("The routes of the live version, or of a document, in the order in which they match.")
    .option("--file <file>", "of this document instead of the live version")
    .option("--host <host>", "those that take requests for this host, in exactly its order")
    .option("--owner <name>", "those of this owner alone")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage routes --file selvage.yaml\n  selvage routes --host api.shop.example --json",
    );
  return withControl(command).action(routes);
}

async function routes(options: Options): Promise<void> {
  const source = await locateDocument(options, options.file);
  const plan = compile(source.document, source.artifacts);
  refuseForeign(options.host, plan.gateway.hosts);
  const found = byPrecedence(plan.gateway.routes, options.host)
    .filter(({ route }) => options.owner === undefined || route.owner === options.owner)
    .map(({ route, index }) => lineOf(route, placeOf(["gateway", "routes", index], source)));
  const { version = null, file } = source;
  if (options.json) return printJson({ version, file, routes: found });
  printRoutes(found, source);
}

function refuseForeign(given: string | undefined, hosts: readonly string[]): void {
  const host = given === undefined ? undefined : hostWithoutPort(given);
  if (given === undefined || (host !== undefined && hostRank(hosts, host) !== undefined)) return;
  throw new CliError(exitCodes.findings, `the gateway does not serve ${given}: it has ${hosts.join(", ")}`);
}

interface RouteLine {
  readonly name: string;
  readonly methods: string;
  readonly match: string;
  readonly target: string;
  readonly policies: readonly string[];
  readonly owner?: string;
  readonly place: string;
}

function lineOf(route: RoutePlan, place: string): RouteLine {
  const { methods, path } = describeMatch(route);
  const { name, owner, target, quarantine } = route;
  return {
    name,
    methods,
    match: path,
    target: quarantine === undefined ? describeRouteTarget(target) : "503",
    policies: describePolicies(route),
    ...(owner !== undefined && { owner }),
    place,
  };
}

function printRoutes(found: readonly RouteLine[], source: LocatedDocument): void {
  if (found.length === 0) {
    print(`${sourceName(source)} has no such route`);
    return;
  }
  const hasOwners = found.some(({ owner }) => owner !== undefined);
  const rows = found.map(({ name, methods, match, target, policies, owner = "", place }) => [
    ...[name, methods, match, target, policies.join("; ")],
    ...(hasOwners ? [owner] : []),
    place,
  ]);
  const head = ["ROUTE", "METHODS", "MATCH", "LEADS TO", "POLICIES", ...(hasOwners ? ["OWNER"] : []), "PLACE"];
  print(table(head, rows));
  say(
    `\nwhy a request gets which: selvage explain METHOD PATH${source.version === undefined ? ` --file ${source.file}` : ""}`,
  );
}
