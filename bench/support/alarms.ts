/** Alarms of Durable Objects on disk, seen from outside: workerd keeps the next one of each object in a database a class. */
import { globSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Shorter than any pause between two alarms of one object. */
const LOOK_EVERY_MS = 200;

/**
 * Counts how often a next alarm was set, which at rest is how often one went off.
 * @param state folder of the Worker's state
 * @returns stops, and says how many by class
 */
export function countAlarms(state: string): () => Record<string, number> {
  const counted = globSync(path.join(state, "workers/control/objects/*/metadata.sqlite")).map((file) => {
    const database = new DatabaseSync(file, { readOnly: true });
    const query = database.prepare("SELECT actor_id, scheduled_time FROM _cf_ALARM");
    query.setReadBigInts(true);
    const next = (): string[] => query.all().map((row) => `${row.actor_id} ${row.scheduled_time}`);
    const name = path.basename(path.dirname(file)).replace("selvage-control-", "");
    return { name, database, next, before: next(), seen: new Set<string>() };
  });
  const look = (): void => {
    for (const { next, seen } of counted) for (const alarm of next()) seen.add(alarm);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
    for (const { database } of counted) database.close();
    return Object.fromEntries(
      counted.map(({ name, before, seen }) => [name, [...seen].filter((alarm) => !before.includes(alarm)).length]),
    );
  };
}
