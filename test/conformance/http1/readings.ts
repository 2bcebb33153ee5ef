/** What a parser made of a message, in a word that can stand in a table, and what two of them must agree on. */
import type { Understood } from "./echo-server.ts";
import type { RequestCase } from "./request-cases.ts";
import type { ResponseCase } from "./response-cases.ts";

/** What came back from a listener for the bytes of a row. */
export interface RequestReading {
  /** Statuses of all final answers in order. */
  readonly statuses: readonly number[];
  readonly closed: boolean;
  /** The requests as whoever answered them has understood them. */
  readonly understood: readonly Understood[];
}

/** What a client, or a proxy in front of one, made of an answer. */
export interface ResponseReading {
  /** `accepted`: whole; `broken`: it began, and broke off; `refused`: nothing of it was passed on. */
  readonly verdict: "accepted" | "broken" | "refused";
  readonly status?: number;
  readonly body?: string;
}

/** A row, and how each has read it; without nginx that is absent. */
export interface Row<Case, Reading> {
  readonly row: Case;
  readonly ours: Reading;
  readonly llhttp: Reading;
  readonly nginx?: Reading;
}

/** Statuses of final answers in everything that came over a connection. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/(?:^|\r\n|\})HTTP\/1\.1 ([2-5]\d\d) /g)].map((match) => Number(match[1]));
}

/** The echoed requests in everything that came over a connection. */
export function understoodIn(text: string): Understood[] {
  return [...text.matchAll(/\{"method":.*?"trailers":\[.*?\]\}/g)].map((match) => JSON.parse(match[0]) as Understood);
}

/** `200`, `200+5` with a body of 5 bytes, `200 400, closes`, `closes` without an answer, `waits` for more. */
export function requestWord({ statuses, closed, understood }: RequestReading): string {
  let at = 0;
  const words = statuses.map((status) => withBody(status, status < 300 ? (understood[at++]?.body ?? "") : ""));
  if (words.length === 0) return closed ? "closes" : "waits";
  return `${words.join(" ")}${closed ? ", closes" : ""}`;
}

/** `200`, `200+5` with a body of 5 bytes, `refused`, `breaks off`. */
export function responseWord({ verdict, status = 0, body = "" }: ResponseReading): string {
  if (verdict === "accepted") return withBody(status, body);
  return verdict === "refused" ? "refused" : "breaks off";
}

/** A line of the table of requests: clause, row, ours, llhttp, nginx. */
export function requestRow({ row, ours, llhttp, nginx }: Row<RequestCase, RequestReading>): string {
  return line(row.clause, row.title, requestWord(ours), requestWord(llhttp), nginx && requestWord(nginx));
}

/** As `requestRow`, of the table of answers. */
export function responseRow({ row, ours, llhttp, nginx }: Row<ResponseCase, ResponseReading>): string {
  const title = row.method === "GET" ? row.title : `${row.title} (${row.method})`;
  return line(row.clause, title, responseWord(ours), responseWord(llhttp), nginx && responseWord(nginx));
}

/** Bytes that no table should hold are written as escapes; a bar would end the cell. */
function line(...cells: readonly (string | undefined)[]): string {
  const safe = cells.map((cell = "not measured") =>
    cell
      .replaceAll("|", "\\|")
      .replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`),
  );
  return `| ${safe.join(" | ")} |`;
}

function withBody(status: number, body: string): string {
  return body === "" ? String(status) : `${status}+${body.length}`;
}
