import { stat } from 'node:fs/promises';
import type { Home } from '../../base/home.ts';

/** How far the vault is from whoever runs this: what stands between its key and the host's code. */
export interface VaultLevel {
  readonly ownUser: boolean;
  readonly text: string;
}

export async function vaultLevel(home: Home, myUid: number | undefined): Promise<VaultLevel> {
  // A link is followed: with a vault of its own user, the home has one to its socket.
  const socket = await stat(home.vaultHostSocket).catch(() => undefined);
  if (socket === undefined || myUid === undefined) return { ownUser: false, text: 'level not known' };
  if (socket.uid !== myUid)
    return { ownUser: true, text: `own user (uid ${socket.uid}): the host cannot read its key or its memory` };
  return {
    ownUser: false,
    text: 'same user as the host: code in the host could read its key; docs/vault.md has the way to a user of its own',
  };
}
