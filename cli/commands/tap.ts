import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { limits } from "../../shared/limits.ts";
import type { TapEntry } from "../../shared/policy/tap-entry.ts";
import { compileTapFilter } from "../../shared/policy/tap-filter.ts";
import type { ControlClient } from "../control-client.ts";
import { ControlRefusal } from "../control-link.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, durationArgument, withControl } from "../options.ts";
import { print, say, sayNext } from "../output.ts";
import { HopJoiner, type Joined } from "../tap/join-hops.ts";
import {
  type FilterOptions,
  hopsArgument,
  listArgument,
  rateArgument,
  statusArgument,
  tapRequestOf,
} from "../tap/tap-options.ts";
import { tapHead, tapLines } from "../tap/tap-rows.ts";
import { testFile } from "../tap/test-case.ts";

interface Options extends ControlOptions, FilterOptions {
  readonly output: "table" | "ndjson";
  readonly save?: string;
}

const DEFAULT_FOR_MS = 600_000;
/** Other hops are asked for by the first report after the request's, and come with the next. */
const HOPS_WAIT_MS = 4 * limits.taps.pauseMs;

export function tapCommand(): Command {
  const command = new Command("tap")
    .description("Show live requests, filtered where they happen.")
    .option("--route <names>", "of these routes", listArgument)
    .option("--service <names>", "to these services of the mesh, as they take them", listArgument)
    .option("--method <methods>", "with these methods", listArgument)
    .option("--status <statuses>", "answered so: 4xx,503,500-502", statusArgument)
    .option("--identity <subjects>", "of these users or owners of keys", listArgument)
    .option("--path <prefix>", "whose path begins so")
    .option("--min-latency <duration>", "that took at least so long", durationArgument)
    .option("--at <hops>", "seen there: gateway, ingress, outbound, inbound, expose", hopsArgument)
    .option("--hops", "with the other hops of their traces under them")
    .option("--max <rate>", "show at most so many, count the others", rateArgument, limits.taps.perSecondDefault)
    .addOption(
      new Option("--for <duration>", "end after that").argParser(durationArgument).default(DEFAULT_FOR_MS, "10m"),
    )
    .option("--reveal", "show queries and headers, but for credentials; needs role admin")
    .option("--save <file>", "write the requests as cases of a test")
    .addOption(
      new Option("-o, --output <form>", "for people or for programs").choices(["table", "ndjson"]).default("table"),
    )
    .addOption(new Option("--ndjson", "the same as -o ndjson").implies({ output: "ndjson" }))
    .addOption(new Option("--json", "the same as -o ndjson").implies({ output: "ndjson" }))
    .addHelpText(
      "after",
      `
Nothing is looked at while nobody taps. A tap ends with this command, and by itself when the command was killed.

Examples:
  selvage tap --route orders --status 4xx,5xx
  selvage tap --service inventory --min-latency 500ms --hops
  selvage tap --for 30s --save case.yaml
  selvage tap -o ndjson | jq .status`,
    );
  return withControl(command).action(tap);
}

async function tap(options: Options): Promise<void> {
  const client = connect(options);
  const request = tapRequestOf(options);
  const { id } = await client.openTap(request);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, end);
  // Whoever reads the output has gone.
  process.stdout.once("error", end);
  const joiner = new HopJoiner(compileTapFilter(request.filter), request.joined ? HOPS_WAIT_MS : 0);
  const screen = new Screen(options);
  try {
    await follow(client, id, joiner, screen, stop.signal);
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, end);
    await client.closeTap(id).catch(() => undefined);
  }
  screen.end(joiner.take(Date.now(), true));
}

/** Reads until the tap is over, or nobody wants to see more. */
async function follow(
  client: ControlClient,
  id: string,
  joiner: HopJoiner,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const news = await client.readTap(id).catch((fault: unknown) => {
      if (fault instanceof ControlRefusal && fault.problem.code === "tap_unknown") return undefined;
      throw fault;
    });
    if (news === undefined) return;
    screen.count(news);
    joiner.add(news.entries, Date.now());
    screen.show(joiner.take(Date.now()));
    await sleep(limits.taps.pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

class Screen {
  readonly #options: Options;
  readonly #saved: TapEntry[] = [];
  #shown = 0;
  #seen = 0;
  #dropped = 0;

  constructor(options: Options) {
    this.#options = options;
    if (options.output === "table") print(tapHead());
  }

  count({ seen, dropped }: { readonly seen: number; readonly dropped: number }): void {
    this.#seen += seen;
    this.#dropped += dropped;
  }

  show(found: readonly Joined[]): void {
    this.#shown += found.length;
    for (const one of found) {
      if (this.#options.output === "table") print(tapLines(one));
      else for (const entry of [one.request, ...one.hops]) print(JSON.stringify(entry));
      if (this.#options.save !== undefined && this.#saved.length < limits.taps.pendingMax)
        this.#saved.push(one.request);
    }
  }

  end(rest: readonly Joined[]): void {
    this.show(rest);
    const { save, reveal, output } = this.#options;
    const hidden = reveal ? "credentials hidden" : "query values and headers hidden; --reveal needs role admin";
    say(`-- ${this.#shown} of ${this.#seen} requests shown (filter), ${this.#dropped} dropped, ${hidden}`);
    if (save === undefined) {
      if (output === "table") sayNext("selvage explain METHOD PATH says why; --save FILE makes test cases");
      return;
    }
    writeFileSync(save, testFile(this.#saved));
    say(`${save} is written`);
    sayNext(`selvage test ${save}`);
  }
}
