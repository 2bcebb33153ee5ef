import { framingCases } from "./framing-cases.ts";
import { headCases } from "./head-cases.ts";
import { type RequestCase, requestCases } from "./request-cases.ts";

/** All requests of the table. */
export const requestTable: readonly RequestCase[] = [...requestCases, ...headCases, ...framingCases];
