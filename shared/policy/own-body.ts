/** Bodies that the document itself holds: of direct answers, error pages and edits. */
import { rawNumber } from "../http/raw-number.ts";
import { type Filling, textValue } from "./edit-value.ts";
import type { JsonTemplate } from "./reshape.ts";
import type { Template } from "./settings.ts";
import { lookUp } from "./template.ts";
import { parseValueTemplate } from "./value-template.ts";
import { plainText } from "./value-text.ts";

/** How what a template names is written into a text, so that it stays what it is: data. */
export type Escaping = "html" | "json" | "none";

export function escapingOf(contentType: string): Escaping {
  if (/\b(?:html|xml|svg)\b/i.test(contentType)) return "html";
  return /\bjson\b/i.test(contentType) ? "json" : "none";
}

/** A text with its holes filled; what is not there is empty. */
export function fillText(text: string, filling: Filling, escaping: Escaping): string {
  return parseValueTemplate(text)
    .map((piece) =>
      typeof piece === "string" ? piece : escaped(plainText(lookUp(filling.scope, piece)) ?? "", escaping),
    )
    .join("");
}

/**
 * A value of JSON with its holes filled. A text that is one hole and nothing else becomes the value itself, whatever it is, and null
 * where there is none; within a text, what is not there is empty. Nothing that is filled in is read as a template again.
 */
export function fillJson(template: JsonTemplate, filling: Filling): unknown {
  if (typeof template === "string") return fillTextValue(parseValueTemplate(template), filling);
  if (typeof template !== "object" || template === null) return template;
  if (Array.isArray(template)) return template.map((member) => fillJson(member, filling));
  const expression = celOf(template);
  if (expression !== undefined) return jsonOf(filling.evaluate(expression));
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillJson(value, filling)]));
}

/** The text of a mapping that is an expression. */
function celOf(template: JsonTemplate): string | undefined {
  if (typeof template !== "object" || template === null || Array.isArray(template)) return undefined;
  const entries = Object.entries(template);
  const [[name, text] = []] = entries;
  return entries.length === 1 && name === "cel" && typeof text === "string" ? text : undefined;
}

/** Every text and expression of a template, for checks and compilation. */
export function leavesOf(template: JsonTemplate): ({ readonly text: string } | { readonly cel: string })[] {
  if (typeof template === "string") return [{ text: template }];
  if (typeof template !== "object" || template === null) return [];
  const cel = celOf(template);
  return cel === undefined ? Object.values(template).flatMap(leavesOf) : [{ cel }];
}

function fillTextValue(pieces: Template, filling: Filling): unknown {
  const [only, ...others] = pieces;
  if (others.length === 0 && typeof only === "object") return lookUp(filling.scope, only) ?? null;
  return pieces.map((piece) => (typeof piece === "string" ? piece : (textValue([piece], filling) ?? ""))).join("");
}

/** Whole numbers of CEL are bigints, of 64 bits; what JSON has no form for is null. */
function jsonOf(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(String(value));
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string, escaping: Escaping): string {
  if (escaping === "html") return text.replace(/[&<>"']/g, (character) => HTML[character] ?? "");
  return escaping === "json" ? JSON.stringify(text).slice(1, -1) : text;
}
