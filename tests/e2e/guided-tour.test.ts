import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { type Core, createCore } from '../../src/host/core.ts';
import { hostMigrations } from '../../src/host/database.ts';
import { createModels } from '../../src/host/models/models.ts';
import { packageRoot } from '../../src/host/package-root.ts';
import { createRunSandboxes } from '../../src/host/sandboxes/run-sandboxes.ts';
import { createSandboxTools } from '../../src/host/tools/sandbox-tools.ts';
import { OPERATOR_TOOLS, WORKER_TOOLS } from '../../src/host/tools/toolbox.ts';
import { createVaultClient } from '../../src/host/vault-client/vault-client.ts';
import { loadTemplates } from '../../src/host/workers/templates.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { SIMULATOR_PROVIDER } from '../../src/protocol/provider.ts';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';
import type { Probe } from '../../src/sandbox/launcher.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';
import { createFileBlobStore } from '../../src/storage/file-blob-store.ts';
import { openSqliteStore } from '../../src/storage/sqlite/store.ts';
import { noDoors } from '../../src/testing/no-doors.ts';
import { startVaultProcess } from '../../src/testing/vault-process.ts';

/**
 * A new user's first minutes, every part real: SQLite, a vault process, the simulator behind it, the host's core and
 * bubblewrap. Only the words of the model are scripted.
 */
let root: string;
let folder: string;
let core: Core;
let blobs: BlobStore;
let probe: Probe;
let simulator: Simulator;
const stack = new AsyncDisposableStack();
const OWNER = { id: 'owner', surface: 'cli' };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-tour-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755);
  folder = join(root, 'my papers');
  const home = join(root, 'home');
  await mkdir(folder);
  await mkdir(home);
  await writeFile(join(folder, 'big.log'), 'line\n'.repeat(1_000));
  await writeFile(join(folder, 'one.txt'), 'same');
  await writeFile(join(folder, 'two `odd`.txt'), 'same');

  simulator = stack.use(await createSimulator());
  const vault = stack.use(await startVaultProcess());
  const provider = { wire: 'openai-chat', baseUrl: `${simulator.url}/v1`, simulator: true } as const;
  await vault.owner.putProvider(SIMULATOR_PROVIDER, provider);
  const client = stack.use(createVaultClient({ socketPath: vault.home.vaultHostSocket, log: silentLogger }));
  const models = createModels({ vault: client, log: silentLogger });
  const launcher = stack.use(createBubblewrap({ home, scratch: join(home, 'run') }));
  probe = await launcher.probe(AbortSignal.timeout(20_000));
  const config = HoldfastConfig.parse({});
  const volumes = join(home, 'volumes');
  const limits = config.sandbox.limits;
  blobs = await createFileBlobStore(join(home, 'blobs'));
  core = stack.use(
    createCore({
      store: stack.use(await openSqliteStore({ path: join(home, 'host.db'), migrations: hostMigrations })),
      blobs,
      model: models,
      contextWindow: (model) => models.contextWindow(model),
      vaultReachable: async () => {},
      sandboxes: stack.use(createRunSandboxes({ launcher, probe, volumes, limits, doors: noDoors })),
      actingTools: ({ artifacts }) =>
        createSandboxTools({ blobs, recordArtifact: (context, file) => artifacts.record(context, file) }),
      templates: await loadTemplates(join(packageRoot, 'templates/workers'), WORKER_TOOLS),
      agentBase: '',
      config,
      defaultModel: () => `${SIMULATOR_PROVIDER}/guide`,
      paths: { home, userHome: join(root, 'nobody') },
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const instructions = await readFile(join(packageRoot, 'templates/agents/operator.md'), 'utf8');
  await core.agents.ensureOperator({ instructions, tools: OPERATOR_TOOLS });
});
afterAll(() => stack.disposeAsync());

async function say(text: string): Promise<string> {
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const { message } = await core.inbox.receive({
    channel: 'local',
    session,
    principal: 'owner',
    text,
    platformMessageId: undefined,
  });
  core.lanes.add(session.id, message.run_id);
  return message.id;
}

async function answered(id: string): Promise<string> {
  const { run_id } = await core.inbox.get(id);
  await core.manager.settled(run_id, AbortSignal.timeout(25_000));
  const message = await core.inbox.get(id);
  expect(message).toMatchObject({ state: 'answered' });
  return message.answer ?? '';
}

async function decideNext(outcome: 'allowed' | 'denied') {
  await expect.poll(() => core.approvals.list('pending'), { timeout: 10_000 }).toHaveLength(1);
  const [row] = await core.approvals.list('pending');
  if (row === undefined) return expect.unreachable('there is no card');
  await core.approvals.decide(row.id, outcome, OWNER);
  return JSON.parse(row.card);
}

describe('the guided tour', () => {
  it('greets and says what it is', async () => {
    expect(await answered(await say('Hello'))).toMatch(/I am the simulator[\s\S]*no AI[\s\S]*Name a folder/);
  });

  it('accepts a no, and nothing runs', async () => {
    const id = await say(`look at "${folder}"`);
    expect(JSON.stringify(await decideNext('denied'))).toContain(folder);
    expect(await answered(id)).toContain('you did not allow it');
    expect((await core.runs.list({ limit: 50 })).filter((run) => run.kind === 'worker')).toEqual([]);
  });

  it('says what is wrong with a folder that is not there', async () => {
    expect(await answered(await say('look at /nowhere/at/all'))).toContain('There is no folder /nowhere/at/all');
  });

  it('does the job after one card and answers with numbers that programs counted', async ({ skip }) => {
    if (!probe.available) return skip(`no sandbox here: ${probe.reason}`);
    const before = (await core.approvals.list('all')).length;
    const id = await say(`look at "${folder}"`);
    await decideNext('allowed');
    const answer = await answered(id);
    expect((await core.approvals.list('all')).length - before).toBe(1);
    expect(answer).toContain('- Total: 3 files, 0 folders, 4.9 KiB');
    expect(answer).toContain('- Largest: `big.log`, 4.9 KiB');
    expect(answer).toContain('- Text: 1002 lines in 3 text files');
    expect(answer).toContain('- Duplicates: 1 file repeats the content of another');
    expect(answer).toContain('as artifact report.md');
    expect(answer).not.toContain('outside text');
    const [artifact] = await core.artifacts.list(undefined);
    const report = Buffer.from(await blobs.get(artifact?.blob ?? '')).toString();
    expect(report).toContain('    Total: 3 files, 0 folders, 4.9 KiB');
    expect(await readFile(join(folder, 'one.txt'), 'utf8')).toBe('same');
    expect(simulator.requests.every((request) => request.outcome === 'answered')).toBe(true);
    return undefined;
  });

  it('asks once again for the next folder of the same conversation, however private it has become', async ({
    skip,
  }) => {
    if (!probe.available) return skip(`no sandbox here: ${probe.reason}`);
    const before = (await core.approvals.list('all')).length;
    const id = await say(`look at "${folder}"`);
    await decideNext('allowed');
    expect(await answered(id)).toContain('- Total: 3 files');
    expect((await core.approvals.list('all')).length - before).toBe(1);
    return undefined;
  });
});
