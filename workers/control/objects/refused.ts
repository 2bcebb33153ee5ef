import { SelvageError } from "../../../shared/errors.ts";
import type { Refused } from "./rpc.ts";

export function refused(code: Refused["refused"]["code"], reason: string): Refused {
  return { refused: { code, reason } };
}

/** @throws what is no SelvageError */
export function asRefused(error: unknown): Refused {
  if (error instanceof SelvageError) return refused(error.code, error.reason);
  throw error;
}
