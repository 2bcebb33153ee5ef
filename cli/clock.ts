/** How far this machine's clock is from the control plane's, and whether that does harm. */
import { ago } from "./output.ts";

/** More than this is said; tokens are taken with half a minute of difference, and certificates are backdated. */
const WARN_MS = 5_000;
const FAIL_MS = 60_000;

export interface ClockVerdict {
  readonly verdict: "ok" | "warn" | "fail";
  readonly text: string;
}

export const CLOCK_FIX = "set the clock by NTP: timedatectl set-ntp true";

/** @param askedMs and what follows: own clock around the answer that says `theirMs` */
export function judgeClock(theirMs: number, askedMs: number, answeredMs: number): ClockVerdict {
  const offMs = theirMs < askedMs ? theirMs - askedMs : Math.max(0, theirMs - answeredMs);
  if (Math.abs(offMs) < WARN_MS) return { verdict: "ok", text: "goes as that of the control plane" };
  const text = `this machine is ${ago(Math.abs(offMs))} ${offMs > 0 ? "behind" : "ahead of"} the control plane`;
  if (Math.abs(offMs) < FAIL_MS) return { verdict: "warn", text };
  return { verdict: "fail", text: `${text}: tokens and certificates are refused` };
}
