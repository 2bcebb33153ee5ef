/** `GET /v1/shadow`: what policies in shadow have judged, and would have refused. */
import * as z from "zod/mini";
import type { ShadowRow } from "../policy/shadow-report.ts";
import { usageQuerySchema } from "./usage.ts";

export const shadowQuerySchema = z.strictObject({ windowMs: usageQuerySchema.shape.windowMs });
export type ShadowQuery = z.infer<typeof shadowQuerySchema>;

export interface ShadowAnswer {
  /** What the sums are of: whole slots, the last up to now. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Most that would be refused first. */
  readonly rows: readonly ShadowRow[];
  /** Rows beyond the bound. */
  readonly leftOut: number;
}
