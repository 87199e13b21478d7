import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { createLogger, silentLogger } from '../../base/logger.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';
import { argsHash } from '../runs/hashes.ts';
import { createVaultClient, type VaultClient } from '../vault-client/vault-client.ts';
import { cleanEvents } from './clean-events.ts';
import { createGuardedBlobs } from './guarded-blobs.ts';
import { createGuardedLog } from './guarded-log.ts';
import { createLeakGuard, type LeakGuard } from './leak-guard.ts';

const KEY = 'sk-host-canary-3fWq9Zk2Lm7X';
let world: VaultWorld;
let client: VaultClient;
let guard: LeakGuard;
let shutdown: AbortController;
beforeEach(async () => {
  world = await createVaultWorld();
  await world.owner.putSecret('provider.openai', Buffer.from(KEY));
  client = createVaultClient({ socketPath: world.home.vaultHostSocket, log: silentLogger });
  shutdown = new AbortController();
  guard = createLeakGuard({
    vault: client.scan,
    vaultReachable: async (signal) => void (await client.waitUntilReachable(signal)),
    clock: systemClock,
    log: silentLogger,
    shutdown: shutdown.signal,
  });
});
afterEach(async () => {
  shutdown.abort();
  await client[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

describe('the leak guard of the host', () => {
  it('has texts looked through by the vault, many at once in few requests', async () => {
    const texts = Array.from({ length: 200 }, (_, n) => (n % 50 === 0 ? `${n} ${KEY}` : `text ${n}`));
    const clean = await Promise.all(texts.map((text) => guard.text(text)));
    expect(clean).toEqual(texts.map((text) => text.replace(KEY, '[secret]')));
  });

  it('has the text wait while the vault is away, says so once, and goes on', async () => {
    await world.vault[Symbol.asyncDispose]();
    const reasons: string[] = [];
    const waiting = async (reason: string): Promise<void> => void reasons.push(reason);
    void guard.clean([`a ${KEY}`], { waiting }).then((texts) => reasons.push(...texts));
    await expect.poll(() => reasons.length).toBe(1);
    expect(reasons).toEqual([expect.stringContaining('waits until the vault has looked')]);
    await world.restart();
    await expect.poll(() => reasons.at(-1)).toBe('a [secret]');
    expect(reasons).toHaveLength(2);
  });

  it('lets nothing through when the wait is ended', async () => {
    await world.vault[Symbol.asyncDispose]();
    const controller = new AbortController();
    const text = guard.text(KEY, { signal: controller.signal, waiting: async () => controller.abort() });
    await expect(text).rejects.toThrow();
    const other = guard.text(KEY, { waiting: async () => shutdown.abort() });
    await expect(other).rejects.toThrow();
    await world.restart();
  });

  it('withholds what is too long to be looked through', async () => {
    expect(await guard.text('x'.repeat(5_000_000))).toMatch(/^\[withheld: 5000000 characters/);
  });

  it('does not send a message with a canary', async () => {
    const canary = /github_token = (\S+)/.exec(await client.scan.canaries('scout'))?.[1] ?? '';
    await expect(guard.text(`see ${canary}`, { sender: 'scout' })).rejects.toMatchObject({ code: 'vault.frozen' });
    expect(await client.credentials.frozen()).toMatchObject([{ agent: 'scout', source: 'canary' }]);
  });

  it('takes secrets out of events and leaves ids, hashes and order alone', async () => {
    const label = { integrity: 'untrusted', confidentiality: 'private', origins: [`web:${KEY}.example`] } as const;
    const input = { url: `https://x.example/${KEY}`, nested: [{ deep: KEY }] };
    const events: JournalEvent[] = [
      { type: 'run.continued', continues: 1 },
      { type: 'tool.requested', step: 1, callId: 'c', effectId: 'e', tool: 'web_fetch', input, argsHash: 'old' },
      {
        type: 'effect.finished',
        effectId: 'e',
        callId: 'c',
        tool: 'web_fetch',
        outcome: {
          status: 'ok',
          text: `the key is ${KEY.slice(0, 14)} and ${KEY.slice(14)}`,
          data: { a: KEY },
          label: { ...label, origins: [...label.origins] },
        },
        durationMs: 1,
      },
    ];
    const clean = await cleanEvents(guard, events, {});
    const cleanInput = { url: 'https://x.example/[secret]', nested: [{ deep: '[secret]' }] };
    expect(clean[0]).toBe(events[0]);
    expect(clean[1]).toEqual({ ...events[1], input: cleanInput, argsHash: argsHash('web_fetch', cleanInput) });
    expect(clean[2]).toMatchObject({ outcome: { text: 'the key is [secret] and [secret]', data: { a: '[secret]' } } });
    const harmless = events.slice(0, 1);
    expect(await cleanEvents(guard, harmless, {})).toBe(harmless);
  });

  it('keeps secrets out of blobs, whole and streamed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hf-blobs-'));
    const blobs = createGuardedBlobs(await createFileBlobStore(directory), guard);
    const whole = await blobs.put(Buffer.from(`a ${KEY} b`));
    expect(Buffer.from(await blobs.get(whole.hash)).toString()).toBe('a [secret] b');
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const piece of ['x ', KEY.slice(0, 5), KEY.slice(5), ' y']) yield Buffer.from(piece);
    }
    const streamed = await blobs.put(pieces());
    expect(Buffer.from(await blobs.get(streamed.hash)).toString()).toBe('x [secret] y');
    await rm(directory, { recursive: true, force: true });
  });
});

describe('the log of the host', () => {
  it('has its fields looked through, and left out while the vault is away', async () => {
    const lines: string[] = [];
    const guarded = createGuardedLog(client.scan, (line) => lines.push(line));
    const log = createLogger({ name: 'host', level: 'info', write: guarded.write });
    log.info('starts');
    log.warn('a tool failed', { error: new Error(`it said ${Buffer.from(KEY).toString('base64')}`) });
    await expect.poll(() => lines.length).toBe(2);
    expect(lines[1]).toContain('[secret]');
    await world.vault[Symbol.asyncDispose]();
    log.error('a tool failed again', { error: new Error(KEY), run: 'run_1' });
    await expect.poll(() => lines.length).toBe(3);
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({
      message: 'a tool failed again',
      level: 'error',
      withheld: expect.stringContaining('vault'),
    });
    log.error('at the end', { text: KEY });
    await guarded[Symbol.asyncDispose]();
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toContain(KEY);
    expect(lines.join('')).not.toContain(Buffer.from(KEY).toString('base64').slice(0, 20));
    await world.restart();
  });
});
