import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SupervisorStatus } from '../../src/cli/supervisor/control.ts';
import { holdfast } from '../e2e/cli-process.ts';
import { FAKE_ANSWER, startFakeProvider } from '../e2e/fake-provider.ts';

/**
 * The provider's key is in the vault's memory and in no other process of the product: the memory of the running host and
 * supervisor is read byte by byte after the key was stored and used. The vault is read too, so that a scan which finds
 * nothing anywhere would be noticed.
 */
const KEY = 'sk-canary-5d0c1f7a93be42d8';
const CHUNK_BYTES = 8 * 1024 * 1024;
let base: string;
let home: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hf-canary-'));
  home = join(base, 'home');
});
afterAll(async () => {
  await holdfast(['stop'], { home });
  await rm(base, { recursive: true, force: true });
});

/** How often `needle` stands in the writable memory of a process; undefined when it may not be read. */
async function occurrences(pid: number, needle: Buffer): Promise<number | undefined> {
  const maps = await readFile(`/proc/${pid}/maps`, 'latin1').catch(() => undefined);
  const memory = await open(`/proc/${pid}/mem`, 'r').catch(() => undefined);
  if (maps === undefined || memory === undefined) return undefined;
  await using _close = memory;
  let found = 0;
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (match === null) continue;
    const end = Number.parseInt(match[2] ?? '0', 16);
    for (let at = Number.parseInt(match[1] ?? '0', 16); at < end; at += CHUNK_BYTES) {
      const size = Math.min(CHUNK_BYTES + needle.length, end - at);
      const read = await memory.read(Buffer.allocUnsafe(size), 0, size, at).catch(() => undefined);
      if (read !== undefined) found += count(read.buffer.subarray(0, read.bytesRead), needle);
    }
  }
  return found;
}

function count(haystack: Buffer, needle: Buffer): number {
  let found = 0;
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + 1)) found += 1;
  return found;
}

describe('a canary key', { timeout: 180_000 }, () => {
  it('is in the memory of the vault and of no other process', async ({ skip }) => {
    await using provider = await startFakeProvider(KEY);
    const options = { home, timeoutMs: 120_000 };
    const args = ['--provider', 'openai-compatible', '--base-url', provider.url, '--model', 'some-model'];
    const setup = await holdfast(['setup', '--non-interactive', ...args, '--api-key-stdin'], {
      ...options,
      stdin: `${KEY}\n`,
    });
    expect(setup.stderr).toBe('');
    expect((await holdfast(['start', '--port', '0', '--no-chat'], options)).code).toBe(0);
    for (let n = 0; n < 5; n += 1)
      expect((await holdfast(['send', 'operator', `message ${n}`], options)).stdout.trim()).toBe(FAKE_ANSWER);

    const status = await holdfast(['status', '--json'], options);
    const { supervisor } = JSON.parse(status.stdout) as { supervisor: SupervisorStatus };
    const pids = new Map(supervisor.processes.map((one) => [one.name, one.pid ?? 0]));
    const needle = Buffer.from(KEY);
    const inVault = await occurrences(pids.get('vault') ?? 0, needle);
    if (inVault === undefined) {
      console.log('skipped: memory-canary needs the right to read the memory of its own processes (ptrace)');
      skip();
    }
    expect(inVault).toBeGreaterThan(0);
    expect(await occurrences(pids.get('host') ?? 0, needle)).toBe(0);
    expect(await occurrences(supervisor.pid, needle)).toBe(0);
  });
});
