import type { VaultMigration } from '../store/migrations.ts';

export const budgetMigrations: readonly VaultMigration[] = [
  {
    name: '0030-budgets',
    statements: [
      `CREATE TABLE limits (
        kind TEXT NOT NULL, id TEXT NOT NULL, dimension TEXT NOT NULL, period TEXT NOT NULL, cap INTEGER,
        PRIMARY KEY (kind, id, dimension, period)
      ) STRICT, WITHOUT ROWID`,
      "INSERT INTO limits SELECT 'agent', agent, 'usd', 'day', daily_nano FROM budgets",
      "INSERT INTO limits SELECT 'agent', agent, 'usd', 'month', monthly_nano FROM budgets",
      'DROP TABLE budgets',
      'CREATE TABLE agent_teams (agent TEXT PRIMARY KEY, team TEXT NOT NULL) STRICT, WITHOUT ROWID',
      'ALTER TABLE calls ADD COLUMN team TEXT',
      'ALTER TABLE calls ADD COLUMN task TEXT',
      'ALTER TABLE calls ADD COLUMN reserved_tokens INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE calls ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0',
      'UPDATE calls SET tokens = coalesce(input_tokens, 0) + coalesce(output_tokens, 0)',
      'CREATE INDEX calls_by_run ON calls (run) WHERE run IS NOT NULL',
      'CREATE INDEX calls_by_task ON calls (task) WHERE task IS NOT NULL',
      `CREATE TABLE charges (
        dimension TEXT NOT NULL, agent TEXT NOT NULL, team TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL,
        day INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (dimension, agent, team, run, task, day)
      ) STRICT, WITHOUT ROWID`,
      "CREATE INDEX charges_by_run ON charges (run) WHERE run <> ''",
      "CREATE INDEX charges_by_task ON charges (task) WHERE task <> ''",
      'CREATE INDEX charges_by_day ON charges (day)',
      `CREATE TABLE spent_days (
        kind TEXT NOT NULL, id TEXT NOT NULL, day INTEGER NOT NULL, usd INTEGER NOT NULL, tokens INTEGER NOT NULL,
        calls INTEGER NOT NULL, egress INTEGER NOT NULL, wall INTEGER NOT NULL, PRIMARY KEY (kind, id, day)
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE budget_warnings (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, dimension TEXT NOT NULL,
        period TEXT NOT NULL, window_start INTEGER NOT NULL, percent INTEGER NOT NULL, cap REAL NOT NULL,
        spent REAL NOT NULL, agent TEXT NOT NULL, run TEXT, at INTEGER NOT NULL,
        UNIQUE (kind, id, dimension, period, window_start, percent, cap)
      ) STRICT`,
    ],
  },
];
