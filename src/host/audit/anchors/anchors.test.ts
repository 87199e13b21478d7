import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { AnchorConfig, AuditConfig } from '../../../protocol/audit.ts';
import { testStores } from '../../../testing/test-stores.ts';
import { createTestAuthority } from '../../../testing/timestamp-authority.ts';
import { createVaultWorld } from '../../../testing/vault-world.ts';
import { createHostSql } from '../../database.ts';
import { createVaultClient } from '../../vault-client/vault-client.ts';
import { createAudit } from '../audit.ts';
import { createAuditSink } from '../sink.ts';
import { readHeads } from '../verify/read-heads.ts';
import { verifyAudit } from '../verify/verify.ts';
import { createAnchors } from './create-anchors.ts';

const has = (program: string): boolean => spawnSync(program, ['version']).status === 0;
if (!has('git')) console.warn('skipped: git is not installed');
if (!has('openssl')) console.warn('skipped: openssl is not installed');

async function createAudited(anchors: readonly unknown[], webhookSecret?: string) {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'holdfast-anchors-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const vault = stack.use(await createVaultWorld());
  if (webhookSecret !== undefined) await vault.owner.putSecret('audit.webhook', Buffer.from(webhookSecret));
  const store = stack.use(await testStores().open(root));
  const sql = createHostSql(store.dialect);
  const sink = createAuditSink({ store, sql, clock: systemClock });
  const client = stack.use(createVaultClient({ socketPath: vault.home.vaultHostSocket, log: silentLogger }));
  const audit = createAudit({
    store,
    sql,
    sink,
    vault: client.audit,
    anchors: await createAnchors(
      anchors.map((one) => AnchorConfig.parse(one)),
      root,
    ),
    config: AuditConfig.parse({}),
    clock: systemClock,
    log: silentLogger,
  });
  const add = async (count: number): Promise<void> => {
    const entry = { actor: 'owner', surface: 'cli', action: 'test.row', target: 't', outcome: 'done' } as const;
    await Promise.all(Array.from({ length: count }, () => sink.record(entry)));
  };
  const owned = stack.move();
  return { root, audit, add, store, vault, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function check(world: Awaited<ReturnType<typeof createAudited>>, place: string, authorities?: string) {
  const { heads, warnings } = await readHeads(place, { branch: 'holdfast-audit', authorities });
  const { publicKey } = await world.audit.status();
  const report = await verifyAudit(await world.audit.export(), heads, { publicKey: publicKey ?? '' });
  return { ...report, warnings: [...warnings, ...report.warnings] };
}

describe('an anchor', () => {
  it('in a file gets a line per head, and nothing while nothing is new', async () => {
    const there = await mkdtemp(join(tmpdir(), 'holdfast-there-'));
    await using world = await createAudited([{ kind: 'file', path: join(there, 'heads.jsonl') }]);
    await world.add(3);
    await world.audit.anchorNow();
    await world.audit.anchorNow();
    await world.add(2);
    const status = await world.audit.anchorNow();
    expect((await readFile(join(there, 'heads.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2);
    expect(status).toMatchObject({ rows: 5, anchored: 5, unanchored: 0, problems: [] });
    expect(await check(world, join(there, 'heads.jsonl'))).toMatchObject({ ok: true, attested: 5 });
    await rm(there, { recursive: true, force: true });
  });

  it.skipIf(!has('git'))('in a git repository gets a commit per head, which a stranger can check', async () => {
    const bare = await mkdtemp(join(tmpdir(), 'holdfast-bare-'));
    execFileSync('git', ['init', '--quiet', '--bare', bare]);
    await using world = await createAudited([{ kind: 'git', remote: bare }]);
    await world.add(3);
    await world.audit.anchorNow();
    await world.add(2);
    const status = await world.audit.anchorNow();
    expect(status.anchors.find((one) => one.kind === 'git')).toMatchObject({ count: 5, outside: true, problem: null });
    const commits = execFileSync('git', ['--git-dir', bare, 'rev-list', '--count', 'holdfast-audit'], {
      encoding: 'utf8',
    });
    expect(commits.trim()).toBe('2');
    expect(await check(world, bare)).toMatchObject({ ok: true, attested: 5, heads: 2 });
    await world.store.write([{ sql: `UPDATE audit SET target = 'x' WHERE seq = 2`, parameters: [] }]);
    expect((await check(world, bare)).ok).toBe(false);
    await rm(bare, { recursive: true, force: true });
  });

  it.skipIf(!has('git'))(
    'in a git repository whose history was rewritten refuses and says so, and heals nothing by force',
    async () => {
      const bare = await mkdtemp(join(tmpdir(), 'holdfast-bare-'));
      execFileSync('git', ['init', '--quiet', '--bare', bare]);
      await using world = await createAudited([{ kind: 'git', remote: bare }]);
      await world.add(1);
      await world.audit.anchorNow();
      const git = (...args: string[]): string =>
        execFileSync('git', ['--git-dir', bare, '-c', 'user.name=x', '-c', 'user.email=x', ...args], {
          encoding: 'utf8',
          input: '',
        }).trim();
      const forged = git('commit-tree', git('mktree'), '-m', 'nothing happened');
      git('update-ref', 'refs/heads/holdfast-audit', forged);
      await world.add(1);
      const status = await world.audit.anchorNow();
      expect(status.problems.join()).toMatch(/anchor git .* takes no heads/);
      expect(git('rev-parse', 'holdfast-audit')).toBe(forged);
      await rm(bare, { recursive: true, force: true });
    },
  );

  it('behind a webhook is sent what the vault signed for it, and is tried again when it was away', async () => {
    const got: { body: string; signature: unknown }[] = [];
    let down = true;
    const server = createServer((request, response) => {
      void buffer(request).then((body) => {
        got.push({ body: body.toString(), signature: request.headers['x-holdfast-signature'] });
        response.writeHead(down ? 503 : 204).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await using world = await createAudited([{ kind: 'webhook', url: `http://127.0.0.1:${port}/heads` }], 'shared');
    await world.add(2);
    expect((await world.audit.anchorNow()).problems.join()).toContain('HTTP status 503');
    down = false;
    // Two rows, and one that the vault told: its secret was set.
    expect(await world.audit.anchorNow()).toMatchObject({ anchored: 3, problems: [] });
    const last = got.at(-1);
    const hmac = createHmac('sha256', 'shared')
      .update(last?.body ?? '')
      .digest('hex');
    expect(last?.signature).toBe(`sha256=${hmac}`);
    await writeFile(join(world.root, 'received.jsonl'), `${last?.body}\n`);
    expect(await check(world, join(world.root, 'received.jsonl'))).toMatchObject({ ok: true, attested: 3 });
    server.close();
  });

  it('behind a webhook without a secret says how to set one', async () => {
    await using world = await createAudited([{ kind: 'webhook', url: 'http://127.0.0.1:9/heads' }]);
    await world.add(1);
    expect((await world.audit.anchorNow()).problems.join()).toContain('holdfast audit webhook-secret');
  });

  it.skipIf(!has('openssl'))('of RFC 3161 keeps a timestamp of each head', async () => {
    const there = await mkdtemp(join(tmpdir(), 'holdfast-there-'));
    const authority = createTestAuthority(join(there, 'tsa'));
    const server = createServer((request, response) => {
      void buffer(request).then((body) => response.writeHead(200).end(authority.answer(body)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const path = join(there, 'timestamps.jsonl');
    const anchor = { kind: 'rfc3161', url: `http://127.0.0.1:${port}/`, caFile: authority.caFile, path };
    await using world = await createAudited([anchor]);
    await world.add(2);
    expect(await world.audit.anchorNow()).toMatchObject({ anchored: 2, problems: [] });
    expect(await check(world, path, authority.ca)).toMatchObject({ ok: true, attested: 2, warnings: [] });
    expect((await check(world, path)).warnings.join()).toContain('was not checked');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"count":2', '"count":3'));
    await expect(check(world, path, authority.ca)).rejects.toThrow('over another text');
    server.close();
    await rm(there, { recursive: true, force: true });
  });

  it('that cannot be written holds up no other and no row', async () => {
    const there = await mkdtemp(join(tmpdir(), 'holdfast-there-'));
    await mkdir(join(there, 'folder'));
    const good = { kind: 'file', path: join(there, 'good.jsonl') };
    await using world = await createAudited([{ kind: 'file', path: join(there, 'folder') }, good]);
    await world.add(2);
    const status = await world.audit.anchorNow();
    expect(status.anchors.find((one) => one.name.endsWith('good.jsonl'))).toMatchObject({ count: 2 });
    expect(status.problems).toHaveLength(1);
    await rm(there, { recursive: true, force: true });
  });
});

describe('the audit of a database that somebody changed', () => {
  it('is not signed any further, and the status says why', async () => {
    await using world = await createAudited([]);
    await world.add(5);
    await world.audit.anchorNow();
    await world.add(5);
    await world.audit.status();
    await world.store.write([{ sql: `UPDATE audit SET target = 'x' WHERE seq = 8`, parameters: [] }]);
    const status = await world.audit.anchorNow();
    expect(status.problems.join()).toContain('changed from outside');
    expect(status.anchored).toBe(5);
  });

  it('and lost rows that were signed is not signed any further, until its owner begins a new chain', async () => {
    await using world = await createAudited([]);
    await world.add(5);
    await world.audit.anchorNow();
    const { root } = world;
    await world.store.write([
      { sql: 'DELETE FROM audit WHERE seq > 3', parameters: [] },
      { sql: 'DELETE FROM audit_links WHERE seq > 3', parameters: [] },
    ]);
    await using again = await reopened(world);
    expect((await again.audit.anchorNow()).problems.join()).toContain('the vault has signed 5 rows and 3 are here');
    await again.audit.beginChain('restored', { id: 'owner', surface: 'cli' });
    expect(await again.audit.anchorNow()).toMatchObject({ rows: 1, anchored: 1, problems: [] });
    const report = await check(again, join(root, 'audit', 'heads.jsonl'));
    expect(report.problems.join()).toContain('2 rows at the end are gone');
  });
});

/** The same database and vault under a service that has remembered nothing. */
async function reopened(world: Awaited<ReturnType<typeof createAudited>>) {
  const { store } = world;
  const sql = createHostSql(store.dialect);
  const sink = createAuditSink({ store, sql, clock: systemClock });
  const client = createVaultClient({ socketPath: world.vault.home.vaultHostSocket, log: silentLogger });
  const audit = createAudit({
    store,
    sql,
    sink,
    vault: client.audit,
    anchors: await createAnchors([], world.root),
    config: AuditConfig.parse({}),
    clock: systemClock,
    log: silentLogger,
  });
  return { ...world, audit, [Symbol.asyncDispose]: async () => await client[Symbol.asyncDispose]() };
}
