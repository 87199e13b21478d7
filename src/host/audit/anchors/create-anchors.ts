import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { AnchorConfig } from '../../../protocol/audit.ts';
import type { Anchor } from './anchor.ts';
import { createFileAnchor } from './file.ts';
import { createGitAnchor } from './git.ts';
import { createTimestampAnchor } from './rfc3161.ts';
import { createWebhookAnchor } from './webhook.ts';

/** What every home has: the heads as a file beside the database. It proves nothing against whoever owns the machine. */
export const localHeads = (home: string): string => join(home, 'audit', 'heads.jsonl');

export async function createAnchors(configs: readonly AnchorConfig[], home: string): Promise<readonly Anchor[]> {
  const local = await createFileAnchor({ path: localHeads(home), home });
  return [local, ...(await Promise.all(configs.map((config) => createAnchor(config, home))))];
}

async function createAnchor(config: AnchorConfig, home: string): Promise<Anchor> {
  switch (config.kind) {
    case 'file':
      return await createFileAnchor({ path: config.path, home });
    case 'git':
      return createGitAnchor({ ...config, directory: gitCopy(home, config) });
    case 'webhook':
      return createWebhookAnchor(config);
    case 'rfc3161':
      return await createTimestampAnchor({ path: timestampsIn(home), ...withoutUndefined(config), home });
  }
}

export const timestampsIn = (home: string): string => join(home, 'audit', 'timestamps.jsonl');

const gitCopy = (home: string, { remote, branch }: { remote: string; branch: string }): string =>
  join(home, 'audit', `git-${hash('sha256', `${remote}\n${branch}`).slice(0, 12)}`);

function withoutUndefined({ path, ...config }: Extract<AnchorConfig, { kind: 'rfc3161' }>) {
  return path === undefined ? config : { ...config, path };
}
