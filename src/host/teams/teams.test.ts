import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CreateAgent } from '../../protocol/agent.ts';
import { AgentId } from '../../protocol/ids.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { createScriptedModel, type Script } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';
import { packageRoot } from '../package-root.ts';
import { loadTeamTemplates } from './team-templates.ts';

const OWNER = { id: 'owner', surface: 'cli' };
const ID = AgentId.parse('sales');
const templates = await loadTeamTemplates(join(packageRoot, 'templates/teams'));

async function world(options: Partial<TestCoreOptions> = {}, script: Script = () => 'Done.'): Promise<TestCore> {
  return await createTestCore({ model: createScriptedModel(script), teamTemplates: templates, ...options });
}

describe('team templates', () => {
  it('are all of the seeds’, each with members that exist for its lead', () => {
    const seeds =
      `starter sales devteam content deep-research monitor competitive-intel lead-enrichment price-intelligence
      review-ops social-listening opportunity-finder research`.split(/\s+/);
    expect(templates.map((template) => template.id).sort()).toEqual([...seeds].sort());
    for (const { lead, agents } of templates) if (lead !== null) expect(agents.map((one) => one.slot)).toContain(lead);
    for (const { daily_usd } of templates.flatMap((one) => one.agents)) expect(daily_usd).toBeLessThanOrEqual(15);
  });
});

describe('a team', () => {
  it('is previewed without making anything, then made whole, with its file, namespace and members', async () => {
    await using test = await world();
    const { teams, agents, agentRuns } = test.core;
    const proposal = await teams.preview({ id: ID, template: 'sales' });
    expect(proposal.agents.map((agent) => agent.id)).toEqual(['sales-researcher', 'sales-qualifier', 'sales-writer']);
    expect(proposal.lead).toBe('sales-qualifier');
    expect(await teams.list()).toEqual([]);
    expect(await agents.list()).toHaveLength(1);
    const team = await teams.create(proposal, OWNER);
    expect(team.members.map((member) => member.id)).toEqual(proposal.agents.map((agent) => agent.id).sort());
    const writer = await agents.get('sales-writer');
    expect(writer).toMatchObject({ team: 'sales', permissions: { can_use_internet: false } });
    expect(writer.permissions.blackboard_write).toContain('teams/sales/*');
    expect(writer.permissions.can_message).toEqual(expect.arrayContaining(['operator', 'sales-qualifier']));
    const prompt = await agentRuns.prompt('sales-writer');
    expect(prompt).toContain('# TEAM.md\n\n# Goal\nA short list of qualified leads');
    expect(prompt).toContain('Write one short message per lead');
    await teams.edit('sales', { team_md: '# Goal\nSomething else.' }, OWNER);
    expect(await agentRuns.prompt('sales-writer')).toContain('Something else.');
    expect((await agentRuns.spec('sales-writer', runRequest)).team).toBe('sales');
  });

  it('is made whole or not at all', async () => {
    await using test = await world({ limits: { maxAgents: 2, maxTeams: 1 } });
    const { teams, agents } = test.core;
    const three = await teams.preview({ id: ID, template: 'sales' });
    await expect(teams.create(three, OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    const clash = await teams.preview({ id: ID, template: 'research' });
    await agents.create(CreateAgent.parse({ id: 'sales-writer', tools: [] }), OWNER);
    await expect(teams.create(clash, OWNER)).rejects.toMatchObject({ code: 'conflict' });
    expect(await teams.list()).toEqual([]);
    expect((await agents.list()).map((agent) => agent.id)).toEqual(['operator', 'sales-writer']);
  });

  it('counts against limits.maxTeams, and shares its names with agents', async () => {
    await using test = await world({ limits: { maxTeams: 1 } });
    const { teams, agents } = test.core;
    await teams.create(await teams.preview({ id: ID, template: 'starter' }), OWNER);
    const second = await teams.preview({ id: AgentId.parse('other'), template: 'starter' });
    await expect(teams.create(second, OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(agents.create(CreateAgent.parse({ id: 'sales', tools: [] }), OWNER)).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(teams.create(await teams.preview({ id: ID, template: 'starter' }), OWNER)).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('gives what membership gives and takes exactly that back', async () => {
    await using test = await world();
    const { teams, agents } = test.core;
    await teams.create(await teams.preview({ id: ID, template: 'starter' }), OWNER);
    const before = await agents.create(CreateAgent.parse({ id: 'scout', tools: [] }), OWNER);
    await teams.join('sales', 'scout', OWNER);
    const inside = await agents.get('scout');
    expect(inside.permissions.blackboard_read).toEqual(['teams/scout/*', 'teams/sales/*']);
    expect((await agents.get('sales-assistant')).permissions.can_message).toContain('scout');
    await expect(teams.join('sales', 'operator', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    await teams.leave('sales', 'scout', OWNER);
    expect(await agents.get('scout')).toMatchObject({ team: null, permissions: before.permissions });
    expect((await agents.get('sales-assistant')).permissions.can_message).not.toContain('scout');
    await teams.remove('sales', OWNER, { archiveMembers: true });
    expect(await agents.get('sales-assistant')).toMatchObject({ team: null, status: 'archived' });
    await expect(teams.get('sales')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a team from words', () => {
  it('is the closest template with the simulator, the same for the same words', async () => {
    await using test = await world();
    const words = 'Please watch what our competitors do in the market';
    const first = await test.core.teams.preview({ id: ID, description: words });
    expect(first).toMatchObject({ template: 'competitive-intel' });
    expect(first.notes.join()).toContain('simulator');
    expect(await test.core.teams.preview({ id: ID, description: words })).toEqual(first);
    expect(await test.core.teams.preview({ id: ID, description: 'zzz' })).toMatchObject({ template: 'starter' });
  });

  it('is drafted by the operator’s model, which can name words and tools and no rights', async () => {
    const draft = {
      title: 'Garden',
      team_md: '# Goal\nGrow.',
      agents: [
        {
          slot: 'Head Gardener!',
          title: 'Gardener',
          role: 'grows',
          tools: ['list_agents', 'fly', 'web_fetch'],
          instructions: 'Water.',
          permissions: { can_use_wallet: true },
        },
      ],
    };
    await using test = await world({}, () => `Here it is:\n${JSON.stringify(draft)}`);
    await test.core.agents.edit('operator', { model: 'openai/some' }, OWNER);
    const proposal = await test.core.teams.preview({ id: ID, description: 'a garden' });
    expect(proposal.agents).toMatchObject([{ id: 'sales-head-gardener', tools: ['list_agents'], permissions: {} }]);
    expect(await test.core.teams.list()).toEqual([]);
  });

  it('is refused by name when the model answers with something else', async () => {
    await using test = await world({}, () => 'I would rather not.');
    await test.core.agents.edit('operator', { model: 'openai/some' }, OWNER);
    await expect(test.core.teams.preview({ id: ID, description: 'a garden' })).rejects.toMatchObject({
      code: 'model.bad-response',
    });
  });

  it('is made by the operator only after a person saw every member and said yes', async () => {
    const script: Script = (request) => {
      const results = request.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : []));
      if (results.length === 0)
        return { calls: [{ tool: 'propose_team', input: { id: 'sales', description: 'research some facts' } }] };
      if (results.length === 1)
        return { calls: [{ tool: 'create_team', input: { proposal: JSON.parse(results[0] ?? '') } }] };
      return results.at(-1) ?? '';
    };
    await using test = await world({}, script);
    const { core } = test;
    const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
    const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text: 'go' };
    const { message } = await core.inbox.receive(inbound);
    core.lanes.add(session.id, message.run_id);
    await expect.poll(async () => (await core.approvals.list('pending')).length).toBe(1);
    expect(await core.teams.list()).toEqual([]);
    const [card] = await core.approvals.list('pending');
    expect(card?.card).toContain('sales-researcher');
    expect(card?.card).toContain('can_use_internet=true');
    await core.approvals.decide(card?.id ?? '', 'allowed', OWNER);
    await core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
    expect((await core.teams.list()).map((team) => team.id)).toEqual(['sales']);
  });
});

const runRequest = {
  kind: 'task',
  title: 'x',
  input: { source: 'host', text: 'x', label: SYSTEM_LABEL },
} as const;
