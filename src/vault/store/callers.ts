import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { CallerToken, CallerView } from '../../protocol/vault-api.ts';
import { checkpoint } from './database.ts';

/** Tokens of programs that use the loopback model endpoint on an agent's budget. Stored as hashes, shown once. */
export interface Callers {
  create(agent: string, note: string): CallerToken;
  list(): readonly CallerView[];
  delete(id: string): void;
  /** The agent that pays for this token. */
  agentOf(token: string): string | undefined;
}

export function createCallers(database: DatabaseSync): Callers {
  const byHash = new Map<string, CallerView>();
  for (const row of database.prepare('SELECT * FROM callers').all()) {
    const { id, agent, note, created_at: createdAt } = row;
    byHash.set(String(row.token_hash), {
      id: String(id),
      agent: String(agent),
      note: String(note),
      createdAt: Number(createdAt),
    });
  }
  return {
    create: (agent, note) => {
      const token = `hfc_${randomBytes(32).toString('base64url')}`;
      const view = { id: `caller_${uuidv7()}`, agent, note, createdAt: Date.now() };
      database
        .prepare('INSERT INTO callers (id, token_hash, agent, note, created_at) VALUES (?, ?, ?, ?, ?)')
        .run(view.id, hashOf(token), agent, note, view.createdAt);
      checkpoint(database);
      byHash.set(hashOf(token), view);
      return { id: view.id, token, agent };
    },
    list: () => [...byHash.values()],
    delete: (id) => {
      const entry = [...byHash].find(([, view]) => view.id === id);
      if (!entry) throw new HoldfastError('not-found', `There is no caller ${id}.`);
      database.prepare('DELETE FROM callers WHERE id = ?').run(id);
      byHash.delete(entry[0]);
    },
    agentOf: (token) => byHash.get(hashOf(token))?.agent,
  };
}

/** The tokens are 256 random bits: a plain hash cannot be guessed back, and looking it up leaks no timing of the token. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
