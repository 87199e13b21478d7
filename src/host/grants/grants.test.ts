import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { GrantChoice } from '../../protocol/grant.ts';
import type { Label } from '../../protocol/label.ts';
import type { Resource } from '../../protocol/resource.ts';
import { createScriptedModel, type Script } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';
import { readReply } from '../approvals/nonce.ts';
import { createReplies } from '../approvals/replies.ts';
import type { ApprovalsTable } from '../approvals/tables.ts';
import { MOST_HELD } from '../runs/tool-gate.ts';
import type { AnyTool } from '../tools/tool.ts';
import { offersIn } from './grants.ts';

/** Answers that hold longer than one call, and the word that names a question. */
const BOTH: Label = { integrity: 'untrusted', confidentiality: 'private', origins: ['web:evil.example'] };
const OWNER = { id: 'owner', surface: 'cli' };

const reads: AnyTool = {
  name: 'read_it',
  description: 'Reads.',
  input: z.strictObject({}),
  risk: 'control',
  idempotent: true,
  parallel: false,
  execute: async () => ({ status: 'ok', text: 'text', label: BOTH }),
};

function sends(): AnyTool & { sent: string[] } {
  const sent: string[] = [];
  const input = z.strictObject({ url: z.string() });
  return {
    sent,
    name: 'send_it',
    description: 'Sends.',
    input,
    risk: 'control',
    idempotent: true,
    parallel: true,
    resources: async (raw): Promise<Resource[]> => [{ kind: 'url', url: input.parse(raw).url, method: 'GET' }],
    async execute(raw) {
      sent.push(input.parse(raw).url);
      return { status: 'ok', text: 'sent', label: BOTH };
    },
  };
}

/** Each turn reads, then sends to the addresses of the message. */
const script: Script = (request) => {
  const last = request.transcript.at(-1);
  if (last?.role === 'user') return { calls: [{ tool: 'read_it', input: {} }] };
  if (last?.role === 'tool' && last.tool === 'read_it') {
    const user = request.transcript.findLast((entry) => entry.role === 'user');
    const paths = user?.role === 'user' ? user.text.split(' ').slice(1) : [];
    return { calls: paths.map((path) => ({ tool: 'send_it', input: { url: `https://shop.example/${path}` } })) };
  }
  return 'done';
};

async function world(options: Partial<TestCoreOptions> = {}) {
  const tool = sends();
  const model = createScriptedModel(script);
  const test = await createTestCore({ model, tools: [reads, tool], ...options });
  return { test, core: test.core, tool, model, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

async function say(core: TestCore['core'], text: string) {
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const chat = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
  const { message } = await core.inbox.receive(chat);
  core.lanes.add(session.id, message.run_id);
  return { ended: () => core.manager.settled(message.run_id, AbortSignal.timeout(20_000)), runId: message.run_id };
}

async function pending(core: TestCore['core'], count = 1): Promise<ApprovalsTable[]> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const rows = await core.approvals.list('pending');
    if (rows.length >= count) return rows;
    if (Date.now() > deadline) throw new Error('nothing was asked');
    await delay(5);
  }
}

async function allow(core: TestCore['core'], grant?: GrantChoice): Promise<ApprovalsTable> {
  const [row] = await pending(core);
  return await core.approvals.decide(row?.id ?? '', 'allowed', { ...OWNER, grant });
}

const asked = async (core: TestCore['core']) => (await core.approvals.list('all')).length;

describe('a yes for longer than one call', () => {
  it('is offered narrowest first, in words', async () => {
    await using here = await world();
    const turn = await say(here.core, 'go a');
    const [row] = await pending(here.core);
    if (row === undefined) throw new Error('nothing was asked');
    expect(offersIn(row).map(({ width, words }) => [width, words])).toEqual([
      ['exact', 'exactly this: GET https://shop.example/a, also with private data and led by text from outside'],
      [
        'similar',
        'any address at shop.example, whatever it holds, also with private data and led by text from outside',
      ],
    ]);
    await allow(here.core);
    await turn.ended();
    expect(await here.core.grants.list()).toEqual([]);
  });

  it('holds for the very thing, and for nothing else', async () => {
    await using here = await world();
    const first = await say(here.core, 'go a');
    await allow(here.core, { width: 'exact', term: 'always' });
    await first.ended();
    await (await say(here.core, 'go a')).ended();
    expect(await asked(here.core)).toBe(1);
    const other = await say(here.core, 'go b');
    await allow(here.core);
    await other.ended();
    expect([here.tool.sent.length, await asked(here.core)]).toEqual([3, 2]);
  });

  it('holds for what is similar when that was chosen, until it is revoked', async () => {
    await using here = await world();
    const first = await say(here.core, 'go a');
    await allow(here.core, { width: 'similar', term: 'week' });
    await first.ended();
    await (await say(here.core, 'go b c')).ended();
    expect(await asked(here.core)).toBe(1);
    const [grant] = await here.core.grants.list();
    expect(grant).toMatchObject({ agentId: 'operator', tool: 'send_it', term: 'week', createdBy: 'owner' });
    await here.core.grants.revoke(grant?.id ?? '', OWNER);
    const turn = await say(here.core, 'go d');
    await allow(here.core);
    await turn.ended();
    expect(await asked(here.core)).toBe(2);
    await expect(here.core.grants.revoke(grant?.id ?? '', OWNER)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('for this task ends with the task', async () => {
    await using here = await world();
    const first = await say(here.core, 'go a b');
    const rows = await pending(here.core, 2);
    const row = rows.find((one) => one.card.includes('shop.example/a'));
    await here.core.approvals.decide(row?.id ?? '', 'allowed', { ...OWNER, grant: { width: 'similar', term: 'task' } });
    await allow(here.core);
    await first.ended();
    const second = await say(here.core, 'go c');
    await allow(here.core);
    await second.ended();
    expect(await asked(here.core)).toBe(3);
  });

  it('ends after its week', async () => {
    let now = Date.now();
    const clock = { now: () => now, sleep: (ms: number, signal?: AbortSignal) => delay(ms, undefined, { signal }) };
    await using here = await world({ clock: { ...clock } });
    const first = await say(here.core, 'go a');
    await allow(here.core, { width: 'exact', term: 'week' });
    await first.ended();
    now += 604_800_001;
    const second = await say(here.core, 'go a');
    await allow(here.core);
    await second.ended();
    expect(await asked(here.core)).toBe(2);
  });

  it('vouches for no bytes: what it lets through stays what it was', async () => {
    await using here = await world();
    const first = await say(here.core, 'go a');
    await allow(here.core, { width: 'similar', term: 'always' });
    await first.ended();
    const second = await say(here.core, 'go b');
    await second.ended();
    const events = await here.core.journal.read({ runId: second.runId });
    const rules = events.flatMap(({ event }) => (event.type === 'tool.decided' ? [event.decision.kind] : []));
    expect(rules).toEqual(['allow', 'allow']);
  });
});

describe('the word on a card', () => {
  it('is read by no model, works once and names one question', async () => {
    await using here = await world();
    const turn = await say(here.core, 'go a');
    const [row] = await pending(here.core);
    const nonce = row?.nonce ?? 'none';
    expect(nonce).toMatch(/^[a-z0-9]{8}$/);
    const replies = createReplies(here.core.approvals);
    expect(await replies.take('yes zzzzzzzz', OWNER)).toEqual({
      said: 'yes',
      told: 'No question waits under this word: it was answered or has expired.',
    });
    expect(await replies.take(`Yes ${nonce.toUpperCase()}`, OWNER)).toEqual({
      said: 'yes',
      told: 'Allowed, this once.',
    });
    await turn.ended();
    expect(await here.core.approvals.named(nonce)).toBeUndefined();
    expect((await replies.take(`no ${nonce}`, OWNER))?.told).toContain('No question waits');
    expect(here.tool.sent).toHaveLength(1);
    expect(JSON.stringify(here.model.requests.map((one) => [one.system, one.transcript]))).not.toContain(nonce);
    expect(JSON.stringify(await here.core.journal.read({}))).not.toContain(nonce);
  });

  it.each([
    'yes',
    'yes please',
    'yes abcdefgh and more',
    'say yes abcdefgh',
    'yes\nabcdefgh',
    'no abcdefghi',
    'yes  ok',
  ])('is not in %j: that is a message', (text) => expect(readReply(text)).toBeUndefined());

  it('serves nobody who may not decide', async () => {
    await using here = await world();
    const turn = await say(here.core, 'go a');
    const [row] = await pending(here.core);
    const program = { id: 'tok_1', surface: 'token' };
    await expect(here.core.approvals.decide(row?.id ?? '', 'allowed', program)).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect((await createReplies(here.core.approvals).take(`yes ${row?.nonce}`, program))?.told).toContain(
      'may not answer',
    );
    expect(here.tool.sent).toEqual([]);
    await here.core.approvals.decide(row?.id ?? '', 'denied', OWNER);
    await turn.ended();
  });
});

describe('a run that nobody attends', () => {
  const unattended = async (questions: 'wait' | 'deny') => {
    const here = await world({ policy: { unattended: { questions } } });
    const label: Label = { integrity: 'system', confidentiality: 'internal', origins: [] };
    const input = { source: 'host', text: 'go a', label } as const;
    const spec = await here.core.agentRuns.spec('operator', { kind: 'cron', title: 'x', input, unattended: true });
    const { id, statement } = here.core.manager.create(spec);
    await here.test.store.write([statement]);
    here.core.manager.start(id);
    return { ...here, id, ended: () => here.core.manager.settled(id, AbortSignal.timeout(20_000)) };
  };
  it('is refused at once where the deployment says so', async () => {
    await using here = await unattended('deny');
    await here.ended();
    expect(await asked(here.core)).toBe(0);
    const rules = (await here.core.journal.read({ runId: here.id })).flatMap(({ event }) =>
      event.type === 'tool.decided' ? [event.decision.rule] : [],
    );
    expect(rules).toContain('unattended.no-questions');
    expect(here.tool.sent).toEqual([]);
  });
  it('waits for an answer otherwise', async () => {
    await using here = await unattended('wait');
    await allow(here.core);
    await here.ended();
    expect(here.tool.sent).toEqual(['https://shop.example/a']);
  });
});

describe('questions of one agent', () => {
  it('wait ten at a time; the next one is refused', async () => {
    await using here = await world();
    const paths = Array.from({ length: MOST_HELD + 2 }, (_, n) => `p${n}`);
    const turn = await say(here.core, `go ${paths.join(' ')}`);
    const rows = await pending(here.core, MOST_HELD);
    expect(rows).toHaveLength(MOST_HELD);
    for (const row of rows) await here.core.approvals.decide(row.id, 'denied', OWNER);
    await turn.ended();
    expect(await asked(here.core)).toBe(MOST_HELD);
    const last = here.model.requests.at(-1)?.transcript ?? [];
    const refused = last.filter((entry) => entry.role === 'tool' && entry.text.includes('wait for an answer already'));
    expect(refused).toHaveLength(2);
  });
});
