import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt, prepareHome } from '../../base/home.ts';
import { HoldfastConfig } from '../../protocol/config.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { createBubblewrap } from '../../sandbox/bubblewrap/bubblewrap.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { noDoors } from '../../testing/no-doors.ts';
import { createScriptedModel, type ScriptedAnswer } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import { createRunSandboxes } from '../sandboxes/run-sandboxes.ts';
import { createRunCommand } from '../tools/run-command.ts';

const HELLO = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'; // sha256 of "hello\n"

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** An operator that starts one worker with a contract, and a worker that runs these commands and then says done, again and again. */
async function worldOf(expects: JsonValue[], commands: readonly string[]): Promise<TestCore | string> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-contract-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const home = homeAt(root);
  await prepareHome(home);
  const launcher = stack.use(createBubblewrap({ home: root, scratch: home.run }));
  const probe = await launcher.probe(AbortSignal.timeout(20_000));
  if (!probe.available) return `no sandbox: ${probe.reason}`;
  const { limits } = HoldfastConfig.parse({}).sandbox;
  const sandboxes = stack.use(createRunSandboxes({ launcher, probe, volumes: home.volumes, limits, doors: noDoors }));
  const model = createScriptedModel((request): ScriptedAnswer => {
    const done = request.transcript.filter((turn) => turn.role === 'tool');
    const last = request.transcript.at(-1);
    if (!request.system.includes('You are a worker')) {
      const task = { template: 'code_worker', task: 'make it', expects };
      return done.length > 0 ? (done.at(-1)?.text ?? '') : { calls: [{ tool: 'spawn_worker', input: task }] };
    }
    const command = last?.role === 'user' ? commands[done.length] : undefined;
    return command === undefined ? 'All done.' : { calls: [{ tool: 'run_command', input: { command } }] };
  });
  const blobs = await createFileBlobStore(home.blobs);
  return stack.use(await createTestCore({ model, sandboxes, home: root, tools: [createRunCommand({ blobs })] }));
}

async function outcome({ core }: TestCore): Promise<{ answer: string; checks: string[][] }> {
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text: 'go' };
  const { message } = await core.inbox.receive(inbound);
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(25_000));
  const checks = (await core.journal.read({})).flatMap(({ event }) =>
    event.type === 'contract.checked' ? [event.failures] : [],
  );
  return { answer: (await core.inbox.get(message.id)).answer ?? '', checks };
}

describe('a result that is expected', () => {
  it('is believed when the file, its hash and the test are there', async (context) => {
    const expects = [
      { kind: 'test', command: 'test -s /data/out' },
      { kind: 'file', path: '/data/out', sha256: HELLO, min_bytes: 6, max_bytes: 6 },
    ];
    const world = await worldOf(expects, ['echo hello > /data/out']);
    if (typeof world === 'string') return context.skip(world);
    const { answer, checks } = await outcome(world);
    expect(checks).toEqual([[]]);
    expect(JSON.parse(answer)).toMatchObject({ status: 'result', text: 'All done.' });
  });

  it('goes back to the worker once, which can still bring it', async (context) => {
    const world = await worldOf(
      [{ kind: 'file', path: '/data/out', sha256: HELLO }],
      ['echo nothing', 'echo hello > /data/out'],
    );
    if (typeof world === 'string') return context.skip(world);
    const { answer, checks } = await outcome(world);
    expect(checks).toEqual([['There is no file /data/out.'], []]);
    expect(JSON.parse(answer)).toMatchObject({ status: 'result' });
  });

  it('ends as an error with the evidence when it is claimed twice and is not there', async (context) => {
    const expects = [
      { kind: 'file', path: '/data/out', sha256: HELLO },
      { kind: 'test', command: 'exit 3' },
      { kind: 'http', url: 'https://example.org/', status: 200 },
    ];
    const world = await worldOf(expects, ['echo other > /data/out']);
    if (typeof world === 'string') return context.skip(world);
    const { answer, checks } = await outcome(world);
    expect(checks).toHaveLength(2);
    const report = JSON.parse(answer) as { status: string; text: string };
    expect(report.status).toBe('error');
    expect(report.text).toContain('/data/out has the SHA-256');
    expect(report.text).toContain('ended with exit code 3, not with 0');
    expect(report.text).toContain('https://example.org/ cannot be looked at');
  });

  it('cannot look outside the worker’s sandbox', async (context) => {
    const world = await worldOf([{ kind: 'file', path: '/etc/passwd' }], []);
    if (typeof world === 'string') return context.skip(world);
    expect((await outcome(world)).answer).toContain('a path under /data or /work');
  });
});
