import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentFor } from './environment.ts';
import { parseReady } from './ready-line.ts';
import { createRestartPolicy, RESTART_DEFAULTS } from './restart-policy.ts';
import { openLog } from './rotating-log.ts';

describe('environmentFor', () => {
  const env = { PATH: '/bin', OPENAI_API_KEY: 'k', NODE_OPTIONS: '-r x', LC_ALL: 'C', HTTPS_PROXY: 'p', GH_TOKEN: 't' };
  it('passes no key to the host, and a proxy only to the vault', () => {
    expect(environmentFor('host', env)).toEqual({ PATH: '/bin', LC_ALL: 'C', MALLOC_ARENA_MAX: '2' });
    expect(environmentFor('vault', env)).toEqual({
      PATH: '/bin',
      LC_ALL: 'C',
      HTTPS_PROXY: 'p',
      MALLOC_ARENA_MAX: '2',
    });
  });
});

describe('parseReady', () => {
  it('reads only the line that says ready', () => {
    expect(parseReady('{"ready":true,"url":"http://a","port":5}')).toEqual({ url: 'http://a', port: 5 });
    for (const line of ['{"ready":false}', '{"level":"info"}', 'ready', '{oops', '{"ready":1}'])
      expect(parseReady(line)).toBeUndefined();
  });
});

describe('the restart policy', () => {
  it('is quick the first time, slower each time, and breaks the loop at the fifth crash in a minute', () => {
    const policy = createRestartPolicy();
    const first = policy.crashed(0);
    expect(first.delayMs).toBeLessThanOrEqual(RESTART_DEFAULTS.baseMs);
    for (const at of [1, 2, 3]) expect(policy.crashed(at).looping).toBe(false);
    expect(policy.crashed(4)).toEqual({ delayMs: 60_000, looping: true });
    expect(policy.crashed(61_000)).toMatchObject({ looping: false });
  });
});

describe('openLog', () => {
  it('rotates by size, keeps two old files and is private', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hf-log-'));
    const path = join(directory, 'x.log');
    {
      using log = openLog(path, 10);
      for (const line of ['first 7\n', 'second\n', 'third 7\n', 'fourth\n', 'fifth\n']) log.write(line);
    }
    expect((await readdir(directory)).sort()).toEqual(['x.log', 'x.log.1', 'x.log.2']);
    expect(await readFile(path, 'utf8')).toBe('fifth\n');
    expect(await readFile(`${path}.2`, 'utf8')).toBe('third 7\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await rm(directory, { recursive: true });
  });
});
