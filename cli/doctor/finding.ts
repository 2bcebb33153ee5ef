export interface Finding {
  /** What was looked at, such as `node`. */
  readonly what: string;
  readonly verdict: "ok" | "warn" | "fail";
  /** One sentence. */
  readonly text: string;
  /** What to do; absent where nothing is to be done. */
  readonly fix?: string;
}

export const ok = (what: string, text: string): Finding => ({ what, verdict: "ok", text });
export const warn = (what: string, text: string, fix: string): Finding => ({ what, verdict: "warn", text, fix });
export const fail = (what: string, text: string, fix: string): Finding => ({ what, verdict: "fail", text, fix });
