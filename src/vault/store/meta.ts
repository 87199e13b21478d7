import type { DatabaseSync } from 'node:sqlite';

/** Small named facts about this vault (how its key is kept, the canary). */
export interface Meta {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

export function createMeta(database: DatabaseSync): Meta {
  const read = database.prepare('SELECT value FROM meta WHERE name = ?');
  const write = database.prepare(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  return {
    get: (name) => {
      const value = read.get(name)?.value;
      return typeof value === 'string' ? value : undefined;
    },
    set: (name, value) => void write.run(name, value),
  };
}
