import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { AGENT_LABEL, covers, type Label } from '../../protocol/label.ts';
import { RunLimits } from '../../protocol/run.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import { testStores } from '../../testing/test-stores.ts';
import { createAuditSink } from '../audit/sink.ts';
import { createHostSql } from '../database.ts';
import { RunSpec } from '../runs/spec.ts';
import { createLabelAreas } from './areas.ts';
import { createFlowExceptions } from './exceptions.ts';
import { labelStoreConformance } from './label-store.conformance.ts';
import { createSandboxLabels } from './sandbox-labels.ts';
import { labels } from './stored-label.ts';

const WEB: Label = { integrity: 'untrusted', confidentiality: 'public', origins: ['web:evil.example'] };
const OWNER = { id: 'owner', surface: 'cli' };

async function world() {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-labels-'));
  const opened = await testStores().open(home);
  const sql = createHostSql(opened.dialect);
  return {
    store: opened,
    sql,
    areas: () => createLabelAreas({ store: opened, sql, clock: systemClock }),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

labelStoreConformance('the rows of a volume', async () => {
  const { store, sql, areas, [Symbol.asyncDispose]: close } = await world();
  const texts = new Map<string, string>();
  return {
    async write(key, text, label) {
      texts.set(key, text);
      await store.write([...(await areas().raise(key, label))]);
    },
    async add(key, text, label) {
      texts.set(key, `${texts.get(key) ?? ''}${text}`);
      await store.write([...(await areas().raise(key, label))]);
    },
    read: async (key) => ({ text: texts.get(key) ?? '', label: await areas().of(key) }),
    async loseLabel(key) {
      const broken = { area: key, label: 'not a label', updated_at: 0 };
      const insert = sql.insertInto('label_areas').values(broken);
      await store.write([
        toStatement(insert.onConflict((row) => row.column('area').doUpdateSet({ label: 'not a label' }))),
      ]);
    },
    [Symbol.asyncDispose]: close,
  };
});

describe('a stored label', () => {
  it('comes back as it was, joined with what reading adds', () => {
    expect(labels.rejoin(labels.store(WEB))).toEqual(WEB);
    expect(labels.rejoin(labels.store(WEB), AGENT_LABEL)).toMatchObject({
      integrity: 'untrusted',
      confidentiality: 'internal',
    });
    expect(labels.rejoin(labels.storeJoined(labels.store(AGENT_LABEL), WEB)).origins).toEqual(['web:evil.example']);
  });
  it.each([
    null,
    undefined,
    '',
    '{}',
    '[]',
    '{"integrity":"owner"}',
    '{"integrity":"boss","confidentiality":"public"}',
  ])('that is %j counts as nobody’s', (column) =>
    expect(labels.rejoin(column)).toMatchObject({ integrity: 'untrusted', confidentiality: 'private' }),
  );
});

const spec = (more: Record<string, unknown> = {}): RunSpec =>
  RunSpec.parse({
    kind: 'worker',
    agentId: 'operator',
    title: '',
    model: 'm/x',
    thinking: 'off',
    tools: [],
    systemPrompt: '',
    limits: RunLimits.parse({}),
    folders: [],
    isOperator: false,
    input: { source: 'parent', text: '', label: AGENT_LABEL },
    ...more,
  });

describe('what lies in a sandbox', () => {
  const outcome = { status: 'ok' as const, text: 'x', label: AGENT_LABEL };
  it('keeps the label of what was written there, for whoever reads it, also in another life of the host', async () => {
    await using here = await world();
    const run = { runId: 'run_1', spec: spec() };
    const first = createSandboxLabels(here.areas());
    await here.store.write([...(await first.before(run, { risk: 'sandbox-write', label: WEB }))]);
    const later = createSandboxLabels(here.areas());
    for (const risk of ['sandbox-read', 'sandbox-execute'] as const) {
      const read = await later.after(run, { risk, label: AGENT_LABEL }, outcome);
      expect(covers(read.outcome.label, WEB)).toBe(true);
    }
    const other = { runId: 'run_2', spec: spec() };
    const clean = await later.after(other, { risk: 'sandbox-read', label: AGENT_LABEL }, outcome);
    expect(clean.outcome.label).toEqual(AGENT_LABEL);
  });

  it('is private and nobody’s as soon as a program could read a folder of the person’s', async () => {
    await using here = await world();
    const folders = [{ path: '/home/ada/reports', target: '/work/reports', mode: 'ro' }];
    const run = { runId: 'run_1', spec: spec({ folders, principal: 'ada' }) };
    const sandbox = createSandboxLabels(here.areas());
    const call = { risk: 'sandbox-execute', label: AGENT_LABEL } as const;
    await here.store.write([...(await sandbox.before(run, call))]);
    const ran = await sandbox.after(run, call, outcome);
    expect(ran.outcome.label).toMatchObject({
      integrity: 'untrusted',
      confidentiality: 'private',
      origins: ['file:/home/ada/reports'],
      principals: ['ada'],
    });
    // The program may have copied it: from now on the volume holds it too.
    const read = await createSandboxLabels(here.areas()).after(run, { ...call, risk: 'sandbox-read' }, outcome);
    expect(read.outcome.label.confidentiality).toBe('private');
  });

  it('takes in what programs read from the network', async () => {
    await using here = await world();
    const run = { runId: 'run_1', spec: spec() };
    const sandbox = createSandboxLabels(here.areas());
    const call = { risk: 'sandbox-execute', label: AGENT_LABEL } as const;
    const { statements } = await sandbox.after(run, call, { ...outcome, label: WEB });
    await here.store.write([...statements]);
    const read = await createSandboxLabels(here.areas()).after(run, { ...call, risk: 'sandbox-read' }, outcome);
    expect(covers(read.outcome.label, WEB)).toBe(true);
  });

  it('is forgotten with the worker’s volume', async () => {
    await using here = await world();
    const run_ = { runId: 'run_1', spec: spec() };
    const sandbox = createSandboxLabels(here.areas());
    await here.store.write([...(await sandbox.before(run_, { risk: 'sandbox-write', label: WEB }))]);
    await here.store.write([...sandbox.forget(run_)]);
    expect(await readOne(here.store, here.sql.selectFrom('label_areas').selectAll())).toBeUndefined();
  });
});

describe('exceptions', () => {
  const wanted = {
    subject: '*',
    origin: 'web:a.example',
    sink: 'url:https://a.example/*',
    forMs: 60_000,
    note: 'docs',
  };
  it('hold until they are removed or expire, and stay on record', async () => {
    await using here = await world();
    let now = 1_000;
    const clock = { ...systemClock, now: () => now };
    const exceptions = createFlowExceptions({ ...here, clock, audit: createAuditSink({ ...here, clock }) });
    const first = await exceptions.add(wanted, OWNER);
    const second = await exceptions.add({ ...wanted, forMs: 120_000 }, OWNER);
    expect((await exceptions.holding()).map(({ id }) => id)).toEqual([second.id, first.id]);
    now += 60_000;
    expect((await exceptions.holding()).map(({ id }) => id)).toEqual([second.id]);
    await exceptions.remove(second.id, OWNER);
    expect(await exceptions.holding()).toEqual([]);
    await expect(exceptions.remove(second.id, OWNER)).rejects.toMatchObject({ code: 'not-found' });
    const kept = await readOne(
      here.store,
      here.sql.selectFrom('flow_exceptions').select('removed_by').where('id', '=', second.id),
    );
    expect(kept?.removed_by).toBe('owner');
  });
});
