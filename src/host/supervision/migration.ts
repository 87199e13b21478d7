import type { Migration } from '../../storage/store.ts';

/** Who has to act for a waiting run, until when, and whether it was told that nobody did. */
const columns = (integer: string): string[] => [
  'ALTER TABLE runs ADD COLUMN wait_owner TEXT',
  `ALTER TABLE runs ADD COLUMN wait_deadline ${integer}`,
  `ALTER TABLE runs ADD COLUMN overdue_at ${integer}`,
];

export const supervisionMigration: Migration = {
  name: '0060-supervision',
  sqlite: columns('INTEGER'),
  postgres: columns('BIGINT'),
};
