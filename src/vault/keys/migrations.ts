import type { VaultMigration } from '../store/migrations.ts';

export const keyMigrations: readonly VaultMigration[] = [
  {
    name: '0031-key-health',
    statements: [
      `CREATE TABLE key_health (
        provider TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, class TEXT NOT NULL, strikes INTEGER NOT NULL,
        until INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (provider, key, model, class)
      ) STRICT, WITHOUT ROWID`,
      'ALTER TABLE calls ADD COLUMN key TEXT',
    ],
  },
];
