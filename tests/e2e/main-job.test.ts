import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../src/protocol/api.ts';
import { createWorld, type World } from '../../src/testing/world.ts';

/** The main job, whole: a person names a folder, allows it, and a worker reports on it from inside its sandbox. */
const hasBubblewrap = (() => {
  try {
    execFileSync('bwrap', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
if (!hasBubblewrap) console.log('skipped: tests/e2e/main-job.test.ts needs bubblewrap (apt-get install bubblewrap)');

async function nextApproval(world: World): Promise<ApprovalView> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [pending] = await world.host.control.approvals('pending');
    if (pending !== undefined) return pending;
    if (Date.now() > deadline) throw new Error('no approval was requested');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.skipIf(!hasBubblewrap)('the main job', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reports '));
    // Started by root, a sandbox is still nobody: it sees what everybody may read.
    await chmod(folder, 0o755);
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'a.txt'), 'one\ntwo\n');
    await writeFile(join(folder, 'sub', "it's odd.csv"), 'x,y\n1,2\n');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('greets, asks for a folder, waits for the person and hands over a report made from the real files', {
    timeout: 180_000,
  }, async () => {
    await using world = await createWorld();
    const greeting = await world.ask('hello');
    expect(greeting).toMatchObject({ state: 'answered' });
    expect(greeting.answer?.toLowerCase()).toContain('simulator');

    const message = await world.host.control.send(
      'operator',
      { text: `Please look at "${folder}"` },
      { id: 'owner', surface: 'web' },
    );
    const card = await nextApproval(world);
    expect(card.card.facts).toContainEqual({ name: 'folder (read-only)', value: folder });
    await world.host.control.decideApproval(card.id, 'allow', { id: 'owner', surface: 'web' });
    const answered = await world.settled(message.id, 120_000);
    expect(answered).toMatchObject({ state: 'answered' });

    const [artifact] = await world.host.control.artifacts(undefined);
    expect(artifact?.name).toBe('report.md');
    const { bytes } = await world.host.control.artifactContent(artifact?.id ?? '');
    const report = Buffer.from(bytes).toString('utf8');
    expect(report).toContain('csv');
    expect(report).toContain('a.txt');
    expect(answered.answer).toMatch(/2 files|files.*2/i);

    const runs = await world.host.control.runs({ limit: 50 });
    const worker = runs.find((run) => run.kind === 'worker');
    expect(worker).toMatchObject({ state: 'done', template: 'data_analyst' });
    expect(worker?.toolCalls).toBeGreaterThan(1);
  });

  it('takes no for an answer and touches nothing', { timeout: 60_000 }, async () => {
    await using world = await createWorld();
    const message = await world.host.control.send(
      'operator',
      { text: `Please look at "${folder}"` },
      { id: 'owner', surface: 'web' },
    );
    const card = await nextApproval(world);
    await world.host.control.decideApproval(card.id, 'deny', { id: 'owner', surface: 'cli' });
    const answered = await world.settled(message.id);
    expect(answered.state).toBe('answered');
    expect((await world.host.control.runs({ limit: 50 })).filter((run) => run.kind === 'worker')).toEqual([]);
  });
});
