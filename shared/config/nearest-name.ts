/** "Did you mean": the known name that a mistyped one most likely stands for. */

const LONGEST = 64;

/**
 * The nearest of the known names, or undefined when none is near: at most one edit for each three characters.
 * Case counts as no difference; of equally near names the first one wins.
 */
export function nearestName(given: string, known: Iterable<string>): string | undefined {
  if (given.length > LONGEST) return undefined;
  const text = given.toLowerCase();
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of known) {
    if (name.length > LONGEST) continue;
    const bound = Math.max(1, Math.floor(Math.max(given.length, name.length) / 3));
    const distance = editDistance(text, name.toLowerCase());
    if (distance <= bound && distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** Edits (insert, delete, replace, swap of neighbours) between two texts: optimal string alignment distance. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const cell = (list: readonly number[], at: number): number => list[at] as number;
      let best = Math.min(cell(above, j) + 1, cell(row, j - 1) + 1, cell(above, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, cell(before, j - 2) + 1);
      row.push(best);
    }
    [before, above] = [above, row];
  }
  return above[b.length] as number;
}
