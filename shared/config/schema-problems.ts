/** Turns what zod says into problems that a person can act on: sentence, position, expectation, suggestion. */
import * as z from "zod";
import { suggestValue } from "./fields.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, formatPath, type Path } from "./problem.ts";

type Issue = z.core.$ZodIssue;

const kinds: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
};

/** Every way in which a value is not of the schema's form. */
export function schemaProblems(schema: z.ZodType, value: unknown): DocumentProblem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, [], schema, value));
  return firstOfEachPlace(problems);
}

/** A value of the wrong form also fails every later check on it: the first says enough. */
function firstOfEachPlace(problems: readonly DocumentProblem[]): DocumentProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ code, path }) => {
    const place = JSON.stringify(path);
    const repeated = code === "SLV2001" && seen.has(place);
    seen.add(place);
    return !repeated;
  });
}

function problemsOf(issue: Issue, base: Path, schema: z.ZodType, root: unknown): DocumentProblem[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(schema, path, key));
  if (issue.code === "invalid_key") return [badName(issue, path)];
  if (issue.code === "invalid_union") {
    const branch = likeliestBranch(issue.errors);
    if (valueAt(root, path) === undefined) return [missingKey(path, unionExpectation(issue.errors))];
    if (branch !== undefined) return branch.flatMap((inner) => problemsOf(inner, path, schema, root));
    return [badValue(path, unionExpectation(issue.errors), valueAt(root, path))];
  }
  const given = valueAt(root, path);
  const expected = expectationOf(issue);
  return [given === undefined ? missingKey(path, expected) : badValue(path, expected, given)];
}

/** The alternative that was meant: one whose outer kind fits, and of those the one with the fewest faults. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) => !issues.some((issue) => isOuterMisfit(issue)));
  return fitting.sort((a, b) => a.length - b.length)[0];
}

function isOuterMisfit(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

function unionExpectation(branches: readonly (readonly Issue[])[]): string {
  const all = branches.flatMap((issues) => issues.filter(isOuterMisfit).map(expectationOf));
  return [...new Set(all)].join(", or ");
}

function expectationOf(issue: Issue): string {
  return (issue.code === "invalid_type" && kinds[issue.expected]) || issue.message;
}

function unknownKey(schema: z.ZodType, path: Path, key: string): DocumentProblem {
  const known = knownKeys(schema, path);
  const suggestion = nearestName(key, known);
  const where = path.length === 0 ? "at the top" : `in ${formatPath(path)}`;
  const expected = known.length > 0 ? `one of ${known.join(", ")}` : undefined;
  return error("SLV2003", [...path, key], `unknown key ${quote(key)} ${where}`, {
    at: "key",
    ...given({ expected, suggestion }),
  });
}

function badName(issue: Extract<Issue, { code: "invalid_key" }>, path: Path): DocumentProblem {
  const key = String(path.at(-1));
  const expected = issue.issues[0]?.message ?? "another name";
  const suggestion = suggestValue(expected, key);
  return error("SLV2004", path, `${quote(key)} cannot be used as a name here: expected ${expected}`, {
    at: "key",
    ...given({ expected, suggestion }),
  });
}

function missingKey(path: Path, expected: string): DocumentProblem {
  const message = `${formatPath(path.slice(0, -1))} lacks ${quote(String(path.at(-1)))}: expected ${expected}`;
  return error("SLV2002", path, message, { at: "key", expected });
}

function badValue(path: Path, expected: string, value: unknown): DocumentProblem {
  const suggestion = suggestValue(expected, value) ?? suggestAlternative(expected, value);
  return error(
    "SLV2001",
    path,
    `${formatPath(path)}: expected ${expected}, found ${describe(value)}`,
    given({ expected, suggestion }),
  );
}

function suggestAlternative(expected: string, value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  const choices = expected
    .replace(/^one of /, "")
    .split(/, or |, | or /)
    .filter((choice) => !/^a (?:mapping|list)$/.test(choice));
  return choices.length > 1 && choices.every((choice) => /^[\w-]+$/.test(choice))
    ? nearestName(value, choices)
    : undefined;
}

/** What was written, shortly: `the number 10`, `"abc"`, `a list`. */
export function describe(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return `the number ${value}`;
  return typeof value === "object" ? "a mapping" : String(value);
}

/** A text in quotes, at most 60 characters of it. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

/** The member at a path, looking at own members only. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** The keys that a mapping at this path may have, of all alternatives. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let candidates = [schema];
  for (const key of path) candidates = candidates.flatMap(alternatives).flatMap((candidate) => step(candidate, key));
  return candidates
    .flatMap(alternatives)
    .flatMap((candidate) => (candidate instanceof z.ZodObject ? Object.keys(candidate.shape) : []));
}

function alternatives(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional) return alternatives(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(alternatives);
  return [schema];
}

function step(schema: z.ZodType, key: string | number): z.ZodType[] {
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType];
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType];
  if (schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key)) return [schema.shape[key] as z.ZodType];
  return [];
}

function given(details: { expected?: string | undefined; suggestion?: string | undefined }) {
  return {
    ...(details.expected !== undefined && { expected: details.expected }),
    ...(details.suggestion !== undefined && { suggestion: details.suggestion }),
  };
}
