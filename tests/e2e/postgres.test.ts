import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, startPostgres, type TestPostgres } from '../../src/testing/postgres.ts';
import { holdfast } from './cli-process.ts';

/** The whole product on PostgreSQL, by configuration alone: answer, survive the server's crash, back up and restore. */
describe.runIf(hasPostgres())('Holdfast on PostgreSQL', { timeout: 240_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'hf-e2e-pg-'));
  const home = join(root, 'home');
  const file = join(root, 'backup.tar.gz');
  let server: TestPostgres;
  let url = '';

  const configure = (where: string, address: string): void => {
    mkdirSync(where, { recursive: true });
    writeFileSync(join(where, 'pgpass'), `localhost:5432:*:${server.user}:${server.password}\n`, { mode: 0o600 });
    const database = { kind: 'postgres', url: address, passwordFile: 'pgpass' };
    writeFileSync(join(where, 'config.json'), JSON.stringify({ database }));
  };
  const run = (args: readonly string[], where = home) => holdfast(args, { home: where, timeoutMs: 90_000 });
  const expectOk = async (args: readonly string[], where = home) => {
    const result = await run(args, where);
    expect(result, `${args.join(' ')}: ${result.stderr}`).toMatchObject({ code: 0 });
    return result.stdout;
  };

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    configure(home, url);
    await expectOk(['start', '--no-chat', '--port', '0']);
  }, 120_000);
  afterAll(async () => {
    for (const entry of readdirSync(root, { withFileTypes: true }))
      if (entry.isDirectory()) await run(['stop'], join(root, entry.name));
    await server[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  }, 120_000);

  it('answers, keeps nothing in a file, and shows the password nowhere', async () => {
    await expectOk(['send', 'operator', 'Remember the word heron.']);
    expect(existsSync(join(home, 'host.db'))).toBe(false);
    const logs = readdirSync(join(home, 'logs')).map((name) => readFileSync(join(home, 'logs', name), 'utf8'));
    expect(logs.join('\n')).not.toContain(server.password);
    expect(await expectOk(['config', 'show'])).not.toContain(server.password);
  });

  it('answers the message that came while the server crashed', async () => {
    const [said] = await Promise.all([expectOk(['send', 'operator', 'Are you there?']), server.crash()]);
    expect(said.trim()).not.toBe('');
    await expectOk(['status']);
  });

  it('comes back by itself when its host is killed', async () => {
    const { children } = JSON.parse(readFileSync(join(home, 'run', 'supervisor.pid'), 'utf8')) as {
      children: { name: string; pid: number }[];
    };
    process.kill(children.find((one) => one.name === 'host')?.pid ?? 0, 'SIGKILL');
    for (const deadline = Date.now() + 30_000; ; await delay(100)) {
      const sent = await run(['send', 'operator', 'Again?']);
      if (sent.code === 0) break;
      expect(Date.now(), sent.stderr).toBeLessThan(deadline);
    }
  });

  it('refuses a second host on the same database, and a password in config.json', async () => {
    const second = join(root, 'second');
    configure(second, url);
    const refused = await run(['start', '--no-chat', '--port', '0'], second);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('in use by another process');
    const database = { kind: 'postgres', url: 'postgres://me:hunter2@h/d' };
    writeFileSync(join(second, 'config.json'), JSON.stringify({ database }));
    const told = await run(['start', '--no-chat'], second);
    expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining('database.passwordFile') });
  });

  it('backs up while it runs; the backup is restored into another database and another home', async () => {
    await expectOk(['backup', file, '--with-key']);
    await expectOk(['send', 'operator', 'Later.']);
    const other = join(root, 'other');
    const elsewhere = await server.createDatabase();
    configure(other, elsewhere);
    await expectOk(['restore', file], other);
    const { database } = JSON.parse(readFileSync(join(other, 'config.json'), 'utf8')) as { database: { url: string } };
    expect(database.url).toBe(elsewhere);
    await expectOk(['start', '--no-chat', '--port', '0'], other);
    const history = await expectOk(['history', 'operator'], other);
    expect(history).toContain('heron');
    expect(history).not.toContain('Later.');
    await expectOk(['stop'], other);
  });

  it('is restored in its place with the newer state beside, and reset', async () => {
    expect((await run(['restore', file])).stderr).toContain('already runs');
    await expectOk(['stop']);
    expect(await expectOk(['restore', file])).toMatch(/schema holdfast_before_\d+/);
    expect(await run(['rollback'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no snapshot') });
    await expectOk(['start', '--no-chat', '--port', '0']);
    expect(await expectOk(['history', 'operator'])).not.toContain('Later.');
    await expectOk(['stop']);
    await expectOk(['reset', '--yes-delete-everything']);
    configure(home, url);
    await expectOk(['start', '--no-chat', '--port', '0']);
    expect(await expectOk(['history', 'operator'])).not.toContain('heron');
    await expectOk(['stop']);
  });
});
