import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditReport, AuditRowView, AuditStatus } from '../../src/protocol/audit.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { holdfast } from './cli-process.ts';

describe('the audit from the command line', () => {
  let world: World;
  let there: string;
  beforeAll(async () => {
    there = await mkdtemp(join(tmpdir(), 'holdfast-there-'));
    const anchors = [{ kind: 'file', path: join(there, 'heads.jsonl') }];
    world = await createWorld({ config: { audit: { anchors, anchorEveryMs: 1_000 } } });
    await world.ask('What are you?');
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await rm(there, { recursive: true, force: true });
  });
  const cli = (...args: string[]) => holdfast(args, { home: world.home.root });
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await cli(...args, '--json')).stdout);

  it('lists what was done, by whom and for whom', async () => {
    const rows = AuditRowView.array().parse(await json('audit', 'list'));
    expect(rows.map((row) => row.action)).toEqual(
      expect.arrayContaining(['config.read', 'run.started', 'model.called']),
    );
    expect(rows.find((row) => row.action === 'model.called')).toMatchObject({
      actor: 'agent:operator',
      principal: 'owner',
    });
    expect((await cli('audit', 'list', '--action', 'run.started')).stdout).toContain('run.started');
  });

  it('anchors by itself within its interval, and shows the window', async () => {
    const deadline = Date.now() + 15_000;
    let status = AuditStatus.parse(await json('audit'));
    while (status.unanchored > 0 && Date.now() < deadline) status = AuditStatus.parse(await json('audit'));
    expect(status).toMatchObject({ unanchored: 0, unanchoredForMs: 0, problems: [] });
    expect((await cli('audit')).stdout).toContain('all anchored');
    expect((await cli('status')).stdout).toMatch(/audit\s+\d+ rows, all anchored/);
  });

  it('verifies the running host, a copy and an export, and finds a change in the copy without asking anybody', async () => {
    const key = (await cli('audit', 'key')).stdout.trim();
    expect(AuditReport.parse(await json('audit', 'verify'))).toMatchObject({ ok: true, problems: [] });
    const exported = join(there, 'audit.jsonl');
    await cli('audit', 'export', exported);
    const heads = join(there, 'heads.jsonl');
    const nowhere = { home: join(there, 'no-home') };
    const verify = (...args: string[]) =>
      holdfast(['audit', 'verify', heads, '--key', key, '--json', ...args], nowhere);
    expect((await verify('--export', exported)).code).toBe(0);
    const copy = join(there, 'copy.db');
    for (const end of ['', '-wal', '-shm']) await cp(`${world.home.hostDatabase}${end}`, `${copy}${end}`);
    const database = new DatabaseSync(copy);
    database.exec(`UPDATE audit SET outcome = 'allowed' WHERE seq = 2`);
    database.close();
    const report = await verify('--database', copy);
    expect(report.code).toBe(1);
    expect(AuditReport.parse(JSON.parse(report.stdout)).problems[0]).toContain('row 2 does not fit');
  });

  it.each([
    [['audit', 'verfy'], 'audit has no "verfy"'],
    [['audit', 'verify', '--database', '/nonexistent.db'], 'no database of a Holdfast host'],
    [
      ['audit', 'verify', '/no-such-place', '--database', '/nonexistent.db'],
      'neither a file of heads nor a git repository',
    ],
    [['audit', 'new-chain'], 'new-chain needs --reason'],
  ])('says what is wrong with %j', async (args, message) => {
    const result = await cli(...args);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(message);
  });
});
