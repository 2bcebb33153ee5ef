/** All pages, by code. */
import { type ProblemCode, problemCodes } from "../problem.ts";
import { contractPages } from "./contracts.ts";
import { formPages } from "./form.ts";
import { gatewayPages } from "./gateway.ts";
import { meshPages } from "./mesh.ts";
import type { CodePage } from "./page.ts";
import { shadowPages } from "./shadow.ts";

export interface FoundPage extends CodePage {
  readonly code: ProblemCode;
  /** One line, as `check` means it. */
  readonly meaning: string;
}

const pages: Readonly<Record<string, CodePage>> = {
  ...formPages,
  ...gatewayPages,
  ...contractPages,
  ...meshPages,
  ...shadowPages,
};

/** @param text a code in any case; the digits alone will do. @returns undefined: no such code, or it has no page */
export function findPage(text: string): FoundPage | undefined {
  const code = /^(?:slv)?(\d{4})$/i.exec(text.trim())?.[1];
  const name = `SLV${code ?? ""}`;
  const page = pages[name];
  if (page === undefined || !isCode(name)) return undefined;
  return { code: name, meaning: problemCodes[name], ...page };
}

const isCode = (name: string): name is ProblemCode => Object.hasOwn(problemCodes, name);
