import type { Migration } from '../../storage/store.ts';

const index = "CREATE INDEX events_decided ON events (at) WHERE type = 'tool.decided'";

/** The decisions of the last days are found without reading the journal. */
export const policyMigration: Migration = { name: '0030-policy', sqlite: [index], postgres: [index] };
