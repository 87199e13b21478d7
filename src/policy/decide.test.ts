import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Permissions } from '../protocol/permission.ts';
import { Floor } from '../protocol/policy-rule.ts';
import type { Resource } from '../protocol/resource.ts';
import { decide } from './decide.ts';
import { OPERATOR_PERMISSIONS } from './default-permissions.ts';
import { explain } from './explain.ts';
import type { GateFacts } from './facts.ts';
import { compileFloor, EMPTY_FLOOR, placesWithin } from './floor.ts';
import { compileGrant } from './grant.ts';
import type { GateRequest } from './request.ts';
import { grantedTools } from './risk-class.ts';

const NOW = 1_000_000;
const FACTS: GateFacts = {
  home: '/home/ada/.holdfast',
  userHome: '/home/ada',
  tools: ['act'],
  isOperator: false,
  team: undefined,
  permissions: Permissions.parse({}),
  floor: EMPTY_FLOOR,
  folders: [],
  grants: [],
  unattended: undefined,
  now: NOW,
};

const request = (...resources: Resource[]): GateRequest => ({
  ...{ agentId: 'intern', tool: 'act', risk: 'control', principal: 'owner' },
  resources,
});
const granting = (permissions: Partial<Permissions>, more: Partial<GateFacts> = {}): GateFacts => ({
  ...FACTS,
  permissions: Permissions.parse(permissions),
  ...more,
});
/** `allow`, or the kind with its rule: `deny spawn.not-granted`. */
const answer = (resource: Resource, facts: GateFacts): string => {
  const decision = decide(request(resource), facts);
  return decision.kind === 'allow' ? 'allow' : `${decision.kind} ${decision.rule}`;
};
const floor = (...never: Floor['never']): Pick<GateFacts, 'floor'> => ({ floor: compileFloor(Floor.parse({ never })) });

/** One of each kind, so that a new kind cannot be forgotten here. */
const SAMPLES: { readonly [K in Resource['kind']]: Extract<Resource, { kind: K }> } = {
  path: { kind: 'path', path: '/srv/data', mode: 'ro' },
  template: { kind: 'template', id: 'writer', network: false },
  url: { kind: 'url', url: 'https://example.org/x' },
  agent: { kind: 'agent', id: 'ada', act: 'message' },
  topic: { kind: 'topic', name: 'teams/intern/news', act: 'publish' },
  blackboard: { kind: 'blackboard', key: 'teams/intern/tasks/1', act: 'write' },
  credential: { kind: 'credential', name: 'github' },
  api: { kind: 'api', service: 'hunter', method: 'GET', path: '/v2/domain-search' },
  browser: { kind: 'browser', action: 'browser_click' },
  skill: { kind: 'skill', name: 'pdf', act: 'use' },
  mcp: { kind: 'mcp', server: 'mail', tool: 'send' },
  schedule: { kind: 'schedule', act: 'create' },
  memory: { kind: 'memory', scope: 'agent:other', act: 'read' },
  person: { kind: 'person', address: 'telegram:1', known: false },
  fleet: { kind: 'fleet', act: 'agent.create', target: 'new', widens: false },
  wallet: { kind: 'wallet', chain: 'evm:base', usd: 1 },
};

describe('the gate, without any permission', () => {
  it.each(Object.values(SAMPLES))('lets nothing through: $kind', (resource) => {
    expect(answer(resource, FACTS)).not.toBe('allow');
  });

  it('refuses a tool that was not granted by name, one that is denied and a class that is denied', () => {
    expect(decide(request(), { ...FACTS, tools: [] })).toMatchObject({ kind: 'deny', rule: 'tools.not-granted' });
    expect(decide(request(), FACTS)).toEqual({ kind: 'allow', rule: 'tools.control' });
    expect(decide(request(), granting({ denied_tools: ['a*'] }))).toMatchObject({ rule: 'tools.denied' });
    expect(decide(request(), granting({ denied_risks: ['control'] }))).toMatchObject({ rule: 'tools.risk-denied' });
  });

  it('refuses a kind that this version does not know', () => {
    const strange = { kind: 'teleport', to: 'mars' } as unknown as Resource;
    expect(answer(strange, granting(OPERATOR_PERMISSIONS))).toBe('deny resources.unknown');
  });

  it('keeps the operator from acting whatever it was granted', () => {
    const acting = { ...request(), risk: 'network' } as const;
    expect(decide(acting, granting(OPERATOR_PERMISSIONS, { isOperator: true }))).toMatchObject({
      kind: 'deny',
      rule: 'operator.no-side-effects',
    });
  });
});

describe('a name that cannot be seen whole', () => {
  it.each<Resource>([
    { kind: 'path', path: '/srv/a\u202Eb', mode: 'ro' },
    { kind: 'blackboard', key: 'teams/intern/ta\u200Bsks', act: 'write' },
    { kind: 'agent', id: 'ad\u{E0061}a', act: 'message' },
    { kind: 'topic', name: 'teams/intern/a\nb', act: 'publish' },
    { kind: 'template', id: 'x', network: false, egress: ['a\u2060.example'] },
    { kind: 'person', address: 'telegram:1\uFEFF', known: true },
  ])('is refused whatever is granted: $kind', (resource) => {
    const facts = granting(
      { ...OPERATOR_PERMISSIONS, paths: [{ path: '/', mode: 'rw' }] },
      { isOperator: resource.kind !== 'path' },
    );
    expect(answer(resource, facts)).toBe('deny names.invisible');
  });

  it('is allowed where its script needs a joiner', () => {
    const facts = granting({ paths: [{ path: '/srv', mode: 'ro' }] });
    expect(answer({ kind: 'path', path: '/srv/می‌خواهم', mode: 'ro' }, facts)).toBe('allow');
  });
});

describe('a permission', () => {
  it.each<[string, Partial<Permissions>, Resource, string]>([
    ['spawn', { can_spawn: ['wri*'] }, SAMPLES.template, 'allow'],
    ['another template', { can_spawn: ['code'] }, SAMPLES.template, 'deny spawn.not-granted'],
    ['internet', { can_use_internet: true }, SAMPLES.url, 'allow'],
    [
      'internet for one host',
      { can_use_internet: true, allowed_hosts: ['*.example.com'] },
      SAMPLES.url,
      'deny internet.host-not-granted',
    ],
    ['a host without internet', { allowed_hosts: ['*'] }, SAMPLES.url, 'deny internet.not-granted'],
    ['no address', { can_use_internet: true }, { kind: 'url', url: 'file:///etc/passwd' }, 'deny internet.no-address'],
    [
      'user part',
      { can_use_internet: true, allowed_hosts: ['good.example'] },
      { kind: 'url', url: 'https://good.example@evil.example/' },
      'deny internet.host-not-granted',
    ],
    [
      'backslash',
      { can_use_internet: true, allowed_hosts: ['good.example'] },
      { kind: 'url', url: 'https://good.example\\@evil.example/' },
      'deny internet.no-address',
    ],
    [
      'upper case and dot',
      { can_use_internet: true, allowed_hosts: ['good.example'] },
      { kind: 'url', url: 'https://GOOD.example.:443/x' },
      'allow',
    ],
    ['message', { can_message: ['ada'] }, SAMPLES.agent, 'allow'],
    ['message to another', { can_message: ['bob'] }, SAMPLES.agent, 'deny agents.not-granted'],
    ['read by metrics', { can_view_fleet_metrics: true }, { kind: 'agent', id: 'ada', act: 'read' }, 'allow'],
    ['message by metrics', { can_view_fleet_metrics: true }, SAMPLES.agent, 'deny agents.not-granted'],
    ['credential in any case', { allowed_credentials: ['GitHub'] }, SAMPLES.credential, 'allow'],
    ['api', { allowed_apis: ['hunter'] }, SAMPLES.api, 'allow'],
    ['skill', { allowed_skills: ['pdf'] }, SAMPLES.skill, 'allow'],
    [
      'skill install asks',
      { allowed_skills: ['*'], can_edit_agent_config: true },
      { kind: 'skill', name: 'pdf', act: 'install' },
      'ask skills.ask-install',
    ],
    ['mcp server', { allowed_mcp: ['mail'] }, SAMPLES.mcp, 'allow'],
    ['mcp tool', { allowed_mcp: ['mail/send'] }, SAMPLES.mcp, 'allow'],
    ['another mcp tool', { allowed_mcp: ['mail/read'] }, SAMPLES.mcp, 'deny mcp.not-granted'],
    ['schedule', { can_manage_cron: true }, SAMPLES.schedule, 'allow'],
    ['own memory', {}, { kind: 'memory', scope: 'agent:intern', act: 'write' }, 'allow'],
    ['memory of the person', {}, { kind: 'memory', scope: 'person:owner', act: 'read' }, 'allow'],
    ['memory of another person', {}, { kind: 'memory', scope: 'person:eve', act: 'read' }, 'deny memory.other-scope'],
    ['a known person', {}, { kind: 'person', address: 'telegram:1', known: true }, 'allow'],
    ['a stranger', {}, SAMPLES.person, 'ask people.ask-unknown'],
    ['fleet', { can_manage_fleet: true }, SAMPLES.fleet, 'allow'],
    ['fleet that widens', { can_manage_fleet: true }, { ...SAMPLES.fleet, widens: true }, 'ask fleet.ask-owner'],
    [
      'an act nobody named',
      { can_manage_fleet: true },
      { ...SAMPLES.fleet, act: 'constructor.x' },
      'deny fleet.unknown-act',
    ],
    ['a folder', { paths: [{ path: '/srv', mode: 'ro' }] }, SAMPLES.path, 'allow'],
    [
      'a folder for writing',
      { paths: [{ path: '/srv', mode: 'ro' }] },
      { ...SAMPLES.path, mode: 'rw' },
      'ask paths.ask-owner',
    ],
    ['a neighbour of a folder', { paths: [{ path: '/srv/dat', mode: 'rw' }] }, SAMPLES.path, 'ask paths.ask-owner'],
    [
      'the own data, even granted',
      { paths: [{ path: '/', mode: 'rw' }] },
      { kind: 'path', path: '/home/ada/.holdfast/x', mode: 'ro' },
      'deny paths.never-shared',
    ],
  ])('of %s', (_name, permissions, resource, expected) => {
    expect(answer(resource, granting(permissions))).toBe(expected);
  });

  it.each<[Partial<Permissions>, string]>([
    [{ can_use_browser: true }, 'allow'],
    [{ can_use_browser: true, browser_actions: null }, 'allow'],
    [{ can_use_browser: true, browser_actions: ['*'] }, 'allow'],
    [{ can_use_browser: true, browser_actions: ['browser_click'] }, 'allow'],
    [{ can_use_browser: true, browser_actions: ['browser_navigate'] }, 'deny browser.action-not-granted'],
    [{ can_use_browser: true, browser_actions: [] }, 'deny browser.action-not-granted'],
    [{ can_use_browser: false, browser_actions: ['*'] }, 'deny browser.not-granted'],
    [{ can_use_browser: false, browser_actions: null }, 'deny browser.not-granted'],
  ])('of the browser, %j: %s', (permissions, expected) => {
    expect(answer(SAMPLES.browser, granting(permissions))).toBe(expected);
  });

  it('of the browser is bounded by the hosts', () => {
    const facts = granting({ can_use_browser: true, allowed_hosts: ['good.example'] });
    const visit = (host: string): string => answer({ ...SAMPLES.browser, host }, facts);
    expect([visit('good.example'), visit('evil.example')]).toEqual(['allow', 'deny internet.host-not-granted']);
  });

  it('of the wallet needs every limit', () => {
    const wallet = { can_use_wallet: true, wallet_allowed_chains: ['evm:base'], wallet_allowed_contracts: ['0xAb'] };
    const use = { spentTodayUsd: 95, callsLastHour: 9 };
    const pay = (resource: Partial<Extract<Resource, { kind: 'wallet' }>>, spent: typeof use | undefined): string =>
      answer({ ...SAMPLES.wallet, ...resource }, granting(wallet, spent === undefined ? {} : { wallet: spent }));
    expect(pay({}, use)).toBe('allow');
    expect(pay({ contract: '0xaB' }, use)).toBe('allow');
    expect(pay({}, undefined)).toBe('deny wallet.unknown-use');
    expect(pay({ chain: 'solana:mainnet' }, use)).toBe('deny wallet.chain-not-granted');
    expect(pay({ contract: '0xcd' }, use)).toBe('deny wallet.contract-not-granted');
    expect(pay({ usd: 10.01 }, use)).toBe('deny wallet.per-transaction');
    expect(pay({ usd: 6 }, use)).toBe('deny wallet.daily');
    expect(pay({ usd: Number.NaN }, use)).toBe('deny wallet.no-value');
    expect(pay({ usd: -1 }, use)).toBe('deny wallet.no-value');
    expect(pay({}, { ...use, callsLastHour: 10 })).toBe('deny wallet.rate');
    expect(answer(SAMPLES.wallet, granting({ ...wallet, wallet_allowed_contracts: [] }, { wallet: use }))).toBe(
      'allow',
    );
    expect(
      answer(
        { ...SAMPLES.wallet, contract: '0xab' },
        granting({ ...wallet, wallet_allowed_contracts: [] }, { wallet: use }),
      ),
    ).toBe('deny wallet.contract-not-granted');
  });
});

describe('teams', () => {
  const all = {
    blackboard_read: ['*'],
    blackboard_write: ['*'],
    can_publish: ['*'],
    can_subscribe: ['*'],
    can_message: ['*'],
  };
  const member = granting(all, { team: 'sales' });
  const solo = granting(all);
  const operator = granting(all, { isOperator: true });
  const key = (name: string, act: 'read' | 'write' | 'watch', facts: GateFacts): string =>
    answer({ kind: 'blackboard', key: name, act }, facts);

  it.each([
    ['teams/sales/tasks/1', 'allow', 'deny teams.other-namespace'],
    ['teams/dev/tasks/1', 'deny teams.other-namespace', 'deny teams.other-namespace'],
    ['teams/intern/notes', 'allow', 'allow'],
    ['teams/sales/../dev/x', 'deny teams.other-namespace', 'deny teams.other-namespace'],
    ['teams/salesx/a', 'deny teams.other-namespace', 'deny teams.other-namespace'],
    ['global/news', 'deny teams.other-namespace', 'deny teams.other-namespace'],
    ['global/output/intern/1', 'allow', 'allow'],
    ['global/output/ada/1', 'deny teams.other-namespace', 'deny teams.other-namespace'],
    ['tasks/1', 'deny teams.other-namespace', 'deny teams.other-namespace'],
  ])('%s is for a member: %s, for a solo agent: %s', (name, forMember, forSolo) => {
    for (const act of ['read', 'write', 'watch'] as const) {
      expect(key(name, act, member)).toBe(forMember);
      expect(key(name, act, solo)).toBe(forSolo);
      expect(key(name, act, operator)).toBe('allow');
    }
  });

  it('keep the operator’s mailbox: all write it, only the operator reads it, not even by a wide listing', () => {
    const none = granting({}, { team: 'sales' });
    expect(key('global/tasks/operator/1', 'write', none)).toBe('allow');
    for (const name of ['global/tasks/operator/1', 'global/tasks/operator/*', 'global/*', 'global/', '*']) {
      expect(key(name, 'read', member)).toMatch(/^deny/);
      expect(key(name, 'watch', member)).toMatch(/^deny/);
    }
    expect(key('global/tasks/operator/1', 'read', operator)).toBe('allow');
  });

  it('judge a listing by all that it could show', () => {
    const narrow = granting({ blackboard_read: ['tasks/*'] }, { team: 'sales' });
    expect(key('teams/sales/tasks/*', 'read', narrow)).toBe('allow');
    expect(key('teams/sales/tasks/a*', 'watch', narrow)).toBe('allow');
    expect(key('teams/sales/*', 'read', narrow)).toBe('deny blackboard.not-granted');
    expect(key('teams/*', 'read', member)).toBe('deny teams.other-namespace');
  });

  it('read and write are granted apart, by the whole key or by the name within', () => {
    const facts = granting(
      { blackboard_read: ['context/*'], blackboard_write: ['teams/sales/tasks/*'] },
      { team: 'sales' },
    );
    expect(key('teams/sales/context/a', 'read', facts)).toBe('allow');
    expect(key('teams/sales/context/a', 'write', facts)).toBe('deny blackboard.not-granted');
    expect(key('teams/sales/tasks/a', 'write', facts)).toBe('allow');
    expect(key('teams/sales/tasks/a', 'read', facts)).toBe('deny blackboard.not-granted');
  });

  it('bound topics and messages', () => {
    const topic = (name: string, facts: GateFacts): string => answer({ kind: 'topic', name, act: 'publish' }, facts);
    expect(topic('teams/sales/news', member)).toBe('allow');
    expect(topic('teams/dev/news', member)).toBe('deny teams.other-namespace');
    expect(topic('teams/dev/news', operator)).toBe('allow');
    const send = (team: string | undefined, facts: GateFacts): string =>
      answer({ kind: 'agent', id: 'ada', act: 'task', ...(team === undefined ? {} : { team }) }, facts);
    expect(send('sales', member)).toBe('allow');
    expect(send('dev', member)).toBe('deny teams.other-team');
    expect(send('dev', solo)).toBe('deny teams.other-team');
    expect(send('dev', operator)).toBe('allow');
    expect(send('dev', granting({ ...all, can_route_tasks: true }, { team: 'sales' }))).toBe('allow');
  });
});

describe('the floor', () => {
  const wide = (rules: Pick<GateFacts, 'floor'>): GateFacts =>
    granting(
      {
        ...OPERATOR_PERMISSIONS,
        paths: [{ path: '/srv', mode: 'rw' }],
        can_use_browser: true,
        allowed_apis: ['*'],
        allowed_mcp: ['*'],
      },
      rules,
    );

  it.each<[string, Resource]>([
    ['tool:act', SAMPLES.schedule],
    ['tool:a*', SAMPLES.schedule],
    ['risk:control', SAMPLES.schedule],
    ['host:*.org', SAMPLES.url],
    ['host:EXAMPLE.org', SAMPLES.url],
    ['host:a.evil.example', { kind: 'template', id: 'x', network: false, egress: ['*.evil.example:8443'] }],
    ['path:/srv/data/secret', SAMPLES.path],
    ['path:/srv', SAMPLES.path],
    ['path:*/data', SAMPLES.path],
    ['path:/srv/*/secret', { ...SAMPLES.path, mode: 'rw' }],
    ['path.ro:/srv', { ...SAMPLES.path, mode: 'rw' }],
    ['api:hunter', SAMPLES.api],
    ['api:hunter GET *', SAMPLES.api],
    ['mcp:mail/s*', SAMPLES.mcp],
    ['browser:browser_*', SAMPLES.browser],
    ['blackboard.write:teams/*', SAMPLES.blackboard],
    ['blackboard.read:teams/intern/secret', { kind: 'blackboard', key: 'teams/intern/*', act: 'read' }],
    ['fleet.agent.create:*', SAMPLES.fleet],
    ['agent:ada', SAMPLES.agent],
    ['template:writer', SAMPLES.template],
  ])('%s refuses what every permission grants', (rule, resource) => {
    expect(answer(resource, wide(floor(rule)))).toBe('deny floor.never');
    expect(answer(resource, wide({ floor: EMPTY_FLOOR }))).not.toBe('deny floor.never');
  });

  it.each<[string, Resource]>([
    ['path.rw:/srv', SAMPLES.path],
    ['path:/srv/database', SAMPLES.path],
    ['host:example.org.evil.example', SAMPLES.url],
    ['blackboard.read:*', SAMPLES.blackboard],
    ['tool:acting', SAMPLES.schedule],
    ['risk:network', SAMPLES.schedule],
  ])('%s leaves alone what it does not name', (rule, resource) => {
    expect(answer(resource, wide(floor(rule)))).toBe('allow');
  });

  it('is not overridden by a held folder, a grant or an approval', () => {
    const facts = wide(floor('path:/srv/data'));
    const grant = compileGrant({ id: 'g', agentId: 'intern', allows: ['path:/srv/data'] });
    const folders = [{ path: '/srv/data', mode: 'rw' as const }];
    expect(answer(SAMPLES.path, { ...facts, folders, grants: [grant] })).toBe('deny floor.never');
  });

  it('holds for the agents it names and says its reason', () => {
    const rule = { never: 'tool:act', agents: ['int*'], why: 'Interns plan.' };
    expect(decide(request(), { ...FACTS, ...floor(rule) })).toMatchObject({
      reason: expect.stringContaining('Interns plan.'),
    });
    expect(decide({ ...request(), agentId: 'ada' }, { ...FACTS, ...floor(rule) })).toMatchObject({ kind: 'allow' });
  });

  it('takes a sandbox’s place away whole when it names a part of it', () => {
    const { floor: compiled } = floor('host:files.pythonhosted.org', { never: 'host:bad.example.org', agents: ['x'] });
    expect(placesWithin(compiled, 'intern', ['npm', 'pypi', '*.example.org'])).toEqual(['npm', '*.example.org']);
    expect(placesWithin(compiled, 'x', ['npm', '*.example.org'])).toEqual(['npm']);
  });

  it.each(['tool', 'tool:', 'nothing:x', 'path:relative', 'path.xx:/a', 'tool.x:y', 'risk:sandbox-fly', ''])(
    'a rule %j is refused when the configuration is read',
    (rule) => expect(Floor.safeParse({ never: [rule] }).success).toBe(false),
  );
});

describe('a standing grant', () => {
  const grant = { id: 'g1', agentId: 'intern', allows: ['path.ro:/srv', 'person:telegram:*'] };
  const asked = (resource: Resource, more: object = {}): string =>
    answer(resource, { ...FACTS, grants: [compileGrant({ ...grant, ...more })] });

  it('answers the question it names, until it expires, for its agent, tool and principal', () => {
    expect(asked(SAMPLES.path)).toBe('allow');
    expect(asked(SAMPLES.person)).toBe('allow');
    expect(asked({ ...SAMPLES.path, mode: 'rw' })).toBe('ask paths.ask-owner');
    expect(asked({ ...SAMPLES.path, path: '/srvx' })).toBe('ask paths.ask-owner');
    expect(asked(SAMPLES.path, { expiresAt: NOW })).toBe('ask paths.ask-owner');
    expect(asked(SAMPLES.path, { expiresAt: NOW + 1 })).toBe('allow');
    expect(asked(SAMPLES.path, { agentId: 'ada' })).toBe('ask paths.ask-owner');
    expect(asked(SAMPLES.path, { tool: 'other' })).toBe('ask paths.ask-owner');
    expect(asked(SAMPLES.path, { principal: 'eve' })).toBe('ask paths.ask-owner');
  });

  it('never answers for a refusal', () => {
    expect(asked(SAMPLES.template, { allows: ['template:*'] })).toBe('deny spawn.not-granted');
    expect(asked({ ...SAMPLES.path, path: '/etc' }, { allows: ['path:/etc'] })).toBe('deny paths.never-shared');
  });
});

describe('a question', () => {
  it('shows everything that a person must decide, once', () => {
    const decision = decide(request(SAMPLES.path, SAMPLES.person, { kind: 'path', path: '/srv/b', mode: 'rw' }), FACTS);
    expect(decision).toMatchObject({ kind: 'ask', rule: 'paths.ask-owner' });
    const text = JSON.stringify(decision);
    for (const part of ['/srv/data', '/srv/b', 'telegram:1', 'intern']) expect(text).toContain(part);
  });

  it('gives way to any refusal', () => {
    expect(decide(request(SAMPLES.path, SAMPLES.template), FACTS)).toMatchObject({ kind: 'deny' });
  });

  it('that nobody can answer is a no where the deployment says so', () => {
    expect(answer(SAMPLES.path, { ...FACTS, unattended: { questions: 'wait' } })).toBe('ask paths.ask-owner');
    expect(answer(SAMPLES.path, { ...FACTS, unattended: { questions: 'deny' } })).toBe('deny unattended.no-questions');
  });
});

describe('explain', () => {
  it('lists every rule in order, the one that decided, and all that would have to change', () => {
    const facts = granting({ denied_risks: ['control'] }, floor('host:example.org'));
    const told = explain(request(SAMPLES.url, SAMPLES.template), facts);
    expect(told.considered.map(({ rule, decided }) => `${rule}${decided ? ' !' : ''}`)).toEqual([
      'floor.never !',
      'tools.risk-denied',
      'operator',
      'internet.not-granted',
      'spawn.not-granted',
    ]);
    expect(told.changes.join('\n')).toMatch(
      /policy.floor.never[\s\S]*denied_risks[\s\S]*can_use_internet[\s\S]*can_spawn/,
    );
  });

  it('says of a yes what would make it a no', () => {
    const told = explain(request(), FACTS);
    expect(told.decision.kind).toBe('allow');
    expect(told.changes[0]).toContain('denied_tools of intern');
    expect(told.considered.some(({ decided }) => decided)).toBe(true);
  });

  it('never disagrees with the decision', () => {
    const resource = fc.constantFrom(...Object.values(SAMPLES));
    const permissions = fc.constantFrom(
      OPERATOR_PERMISSIONS,
      Permissions.parse({}),
      Permissions.parse({ can_spawn: ['*'], denied_tools: ['act'] }),
    );
    const questions = fc.constantFrom(undefined, { questions: 'deny' as const });
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 4 }), permissions, questions, (resources, granted, unattended) => {
        const facts = { ...FACTS, permissions: granted, unattended };
        const told = explain(request(...resources), facts);
        expect(told.decision).toEqual(decide(request(...resources), facts));
        const worst = told.considered.some(({ verdict }) => verdict === 'deny') ? 'deny' : undefined;
        if (worst !== undefined) expect(told.decision.kind).toBe('deny');
        expect(told.considered.some(({ decided }) => decided)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a list of tools', () => {
  it('grants by name and by risk class', () => {
    const by = (...tools: string[]) => decide(request(), { ...FACTS, tools });
    expect(by('risk:control')).toMatchObject({ kind: 'allow' });
    expect(by('risk:network')).toMatchObject({ kind: 'deny', rule: 'tools.not-granted' });
    expect(by('act*')).toMatchObject({ kind: 'deny' });
    expect(decide(request(), { ...granting({ denied_tools: ['act'] }), tools: ['risk:control'] })).toMatchObject({
      rule: 'tools.denied',
    });
  });

  it('writes its classes out, each tool once', () => {
    const tools = [
      { name: 'read', risk: 'sandbox-read' },
      { name: 'fetch', risk: 'network' },
      { name: 'look', risk: 'sandbox-read' },
    ] as const;
    expect(grantedTools(['fetch', 'risk:sandbox-read', 'look'], tools)).toEqual(['fetch', 'look', 'read']);
    expect(grantedTools(['fetch'], tools)).toEqual(['fetch']);
  });
});

it('a credential that an agent made itself is its own, and nobody else’s', () => {
  const own: Resource = { kind: 'credential', name: 'own.intern.db' };
  expect(answer(own, FACTS)).toBe('allow');
  expect(answer({ kind: 'credential', name: 'own.ada.db' }, FACTS)).toBe('deny credentials.not-granted');
  expect(answer({ kind: 'credential', name: 'own.intern' }, FACTS)).toBe('deny credentials.not-granted');
});
