/** What a replay has found, for people. */
import { printable } from "../../shared/config/code-frame.ts";
import { replays } from "../../shared/limits/replay.ts";
import {
  isOfRequest,
  type Replay,
  type ReplayChange,
  type ReplayedRequest,
  type ReplayGroup,
} from "../../shared/plan/replay.ts";
import { isInShadow } from "../../shared/plan/replay-view.ts";
import { type Cell, columns, style } from "../output.ts";

/** Groups one below the other. @param span what of the time the records are of, such as `of the last 24 h` */
export function replayText({ requests, changed, groups }: Replay, span: string): string {
  const change = changed === 1 ? "1 changes" : changed === 0 ? "none changes" : `${changed} change`;
  const head = `${requests} ${requests === 1 ? "request" : "requests"} ${span} replayed: ${change}`;
  return [style("bold", head), ...groups.map(groupText)].join("\n\n");
}

function groupText({ kinds, requests }: ReplayGroup): string {
  const count = `${requests.length} ${requests.length === 1 ? "request" : "requests"}`;
  const head = style("bold", `${count}: ${kinds.join(", ")}`);
  const changes = requests[0]?.changes ?? [];
  const isShared = changes.map((one, at) => !isOfRequest(one) || isEqualInAll(requests, at));
  const rows = changes.map((one, at) => rowOf(one, isShared[at] === true));
  const shown = requests.slice(0, replays.shownMax);
  const examples = shown.map((one) => exampleText(one, isShared));
  const more = requests.length - shown.length;
  const rest = more > 0 ? [`  and ${more} more: --json names all`] : [];
  return [head, columns(rows), ...examples, ...rest].join("\n");
}

function isEqualInAll(requests: readonly ReplayedRequest[], at: number): boolean {
  const values = new Set(requests.map(({ changes }) => valuesText(changes[at])));
  return values.size === 1;
}

function rowOf(change: ReplayChange, withValues: boolean): (string | Cell)[] {
  const { kind, about, name } = change;
  const values = withValues ? valuesText(change) : "another for each";
  const place = [kind, about, SHOWN_NAMES[name] ?? name].filter((one) => one !== "").join(" ");
  return [`  ${place}`, styled(change, values)];
}

function styled({ name, after }: ReplayChange, text: string): string | Cell {
  if (name !== "verdict" || after === "pass") return text;
  return { text, style: isInShadow({ verdict: String(after) }) ? "warn" : "bad" };
}

/** Names that stand for the whole of what they are about. */
const SHOWN_NAMES: Readonly<Record<string, string>> = { verdict: "", says: "", shows: "", ends: "", name: "" };

function exampleText(request: ReplayedRequest, isShared: readonly boolean[]): string {
  const { method, host, path, sub, status, traceId, changes } = request;
  const who = sub === undefined ? "" : ` by ${sub}`;
  const asked = printable(`    ${method} ${host}${path}${who}, ${status} then`);
  const own = changes.filter((_, at) => isShared[at] !== true).map((one) => ["     ", one.name, valuesText(one)]);
  return [
    `${asked}  ${style("dim", `selvage explain --trace ${traceId}`)}`,
    ...(own.length > 0 ? [columns(own)] : []),
  ].join("\n");
}

function valuesText(change: ReplayChange | undefined): string {
  if (change === undefined) return "";
  const [before, after] = [valueText(change.before), valueText(change.after)];
  const from = commonStart(before, after);
  return `${cut(before, from)} -> ${cut(after, from)}`;
}

/** Long values that begin alike are shown from shortly before where they differ. */
function commonStart(one: string, other: string): number {
  if (Math.max(one.length, other.length) <= replays.valueCharsMax) return 0;
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return Math.max(0, at - replays.valueCharsMax / 4);
}

function cut(text: string, from: number): string {
  const rest = from === 0 ? text : `...${text.slice(from)}`;
  return rest.length > replays.valueCharsMax ? `${rest.slice(0, replays.valueCharsMax - 3)}...` : rest;
}

function valueText(value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "string") return value === "" ? "empty" : value;
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(valueText).join(" ");
  if (typeof value !== "object") return String(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== "");
  if (members.every(([name]) => name === "says" || name === "shows"))
    return members.map(([, text]) => valueText(text)).join("; ") || "asked";
  return members.map(([name, member]) => `${name} ${valueText(member)}`).join(", ");
}
