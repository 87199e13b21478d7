import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../testing/vault-world.ts';
import { createKeychain, moveKeyToKeychain, unlockFromKeychain } from './keychain.ts';

/** A stand-in for libsecret's program, which needs a desktop session: it keeps the value in a file. */
const TOOL = `#!/bin/sh
case "$1" in
  store) cat > "$STORE" ;;
  lookup) [ -f "$STORE" ] && cat "$STORE" ;;
esac
`;

let world: VaultWorld;
let directory: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  world = await createVaultWorld();
  directory = await mkdtemp(join(tmpdir(), 'hf-keychain-'));
  await writeFile(join(directory, 'secret-tool'), TOOL);
  await chmod(join(directory, 'secret-tool'), 0o755);
  env = { PATH: `${directory}:/usr/bin:/bin`, STORE: join(directory, 'stored') };
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

describe('the keychain unlocker', () => {
  it('moves the key there and opens the vault with it after a restart', async () => {
    const keychain = createKeychain('linux', env);
    await world.owner.putSecret('a', Buffer.from('some-long-secret'));
    await moveKeyToKeychain(world.owner, keychain, world.home.root);
    await world.restart();
    expect(await world.owner.status()).toMatchObject({ locked: true, keySource: 'keychain' });
    expect(await unlockFromKeychain(world.owner, keychain, world.home.root)).toBe(true);
    expect((await world.owner.status()).locked).toBe(false);
    expect(await unlockFromKeychain(world.owner, keychain, world.home.root)).toBe(false);
  });

  it('changes nothing when the keychain does not keep what it is given', async () => {
    const keychain = createKeychain('linux', { ...env, STORE: '/dev/null' });
    await expect(moveKeyToKeychain(world.owner, keychain, world.home.root)).rejects.toMatchObject({
      code: 'vault.key-missing',
    });
    expect((await world.owner.status()).keySource).toBe('key-file');
  });

  it('says that there is no keychain', async () => {
    expect(() => createKeychain('plan9', env)).toThrow('plan9');
    const missing = createKeychain('linux', { PATH: '/nowhere' });
    await expect(missing.read('x')).rejects.toMatchObject({
      code: 'vault.key-missing',
      remedy: expect.stringContaining('libsecret-tools'),
    });
  });
});
