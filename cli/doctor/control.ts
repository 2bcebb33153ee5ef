/** The control plane as it is reached from here: whether it answers, by which clock, and what ends soon. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { AgentStatus } from "../../shared/wire/admin.ts";
import { LOCAL_SYSTEM_FILE } from "../../shared/wire/runtime-files.ts";
import { ageOf, certificateLifeMs, isOverdue } from "../agent-certificate.ts";
import { CliError } from "../cli-error.ts";
import { CLOCK_FIX, judgeClock } from "../clock.ts";
import { ControlClient } from "../control-client.ts";
import { type ControlOptions, findControl, stateFolder } from "../find-system.ts";
import { liveVersion } from "../live-version.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

export interface ControlFindings {
  readonly findings: readonly Finding[];
  /** One was named, or runs, and does not answer. */
  readonly isUnreachable: boolean;
}

export async function checkControl(options: ControlOptions): Promise<ControlFindings> {
  const isNamed = options.control !== undefined || process.env.SELVAGE_CONTROL_URL !== undefined;
  if (!isNamed && !hasLocalSystem()) {
    const fix = "npm start or selvage serve, or name one: --control URL";
    return { findings: [warn("control plane", "none runs here, and none is named", fix)], isUnreachable: false };
  }
  try {
    const client = new ControlClient(findControl(options, process.env));
    const beforeMs = Date.now();
    const status = await client.status();
    const afterMs = Date.now();
    const [ca, live] = await Promise.all([client.ca(), liveVersion(client)]);
    const alarms = [...(status.alarms ?? []), ...ca.alarms].map(({ text }) => text);
    return {
      findings: [
        ok("control plane", `answers in ${afterMs - beforeMs} ms; version ${status.version} is live`),
        ...(status.nowMs === undefined ? [] : [checkClock(status.nowMs, beforeMs, afterMs)]),
        ...checkAgents(status.agents, certificateLifeMs(live?.document)),
        ...[...new Set(alarms)].map((text) => warn("alarm", text, "selvage status")),
      ],
      isUnreachable: false,
    };
  } catch (fault) {
    if (!(fault instanceof CliError)) throw fault;
    const [text = "", ...more] = fault.message.split("\n").filter((line) => !line.startsWith("Next: "));
    const fix = more.join(" ") || "is it running, and is this its address? --control URL --token TOKEN";
    return { findings: [fail("control plane", text, fix)], isUnreachable: true };
  }
}

function hasLocalSystem(): boolean {
  const state = stateFolder(process.env);
  return state !== undefined && existsSync(path.join(state, LOCAL_SYSTEM_FILE));
}

/** @param beforeMs and what follows: own clock around the answer that says `theirMs` */
export function checkClock(theirMs: number, beforeMs: number, afterMs: number): Finding {
  const { verdict, text } = judgeClock(theirMs, beforeMs, afterMs);
  if (verdict === "ok") return ok("clock", text);
  return verdict === "warn" ? warn("clock", text, CLOCK_FIX) : fail("clock", text, CLOCK_FIX);
}

function checkAgents(agents: readonly AgentStatus[], lifetimeMs: number): Finding[] {
  const nowMs = Date.now();
  const live = agents.filter(({ state }) => state !== "offline");
  const late = live.filter((agent) => isOverdue(ageOf(agent, lifetimeMs, nowMs), agent.state));
  if (late.length === 0) return live.length === 0 ? [] : [ok("certificates", `of ${live.length} agents are fresh`)];
  const names = late.map(({ service, instance }) => `${service}/${instance}`).join(", ");
  return [warn("certificates", `should have been renewed: ${names}`, "selvage certs, then selvage renew")];
}
