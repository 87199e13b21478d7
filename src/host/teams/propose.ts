import { z } from 'zod';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId, OPERATOR } from '../../protocol/ids.ts';
import { SIMULATOR_PROVIDER, splitModelRef } from '../../protocol/provider.ts';
import { TeamProposal, TeamSlot, type TeamTemplate } from '../../protocol/team.ts';
import { visibleText } from '../../protocol/transcript.ts';
import type { Model } from '../models/model.ts';
import { closestTemplate } from './team-templates.ts';

export interface ProposeDeps {
  readonly model: Model;
  /** The operator's model: it is the one that plans. */
  readonly operatorModel: () => Promise<string>;
  readonly templates: readonly TeamTemplate[];
  readonly knownTools: () => readonly string[];
}

/** What a model may say of a team: names, words and tools. What a member may do beyond its tools is a person's to give. */
const Drafted = z.object({
  title: z.string(),
  description: z.string().default(''),
  team_md: z.string().default(''),
  agents: z
    .array(
      z.object({
        slot: z.string(),
        title: z.string(),
        role: z.string(),
        tools: z.array(z.string()).default([]),
        reads_web: z.boolean().default(false),
        instructions: z.string(),
      }),
    )
    .min(1)
    .max(8),
});

const WEB_TOOLS = ['web_fetch', 'web_search', 'http_request'];
const WAIT_MS = 120_000;

/** A team from a template, every name final. Tools that this installation lacks are left out and named. */
export function proposalOf(id: string, template: TeamTemplate, known: readonly string[]): TeamProposal {
  const missing = new Set(template.agents.flatMap(({ tools }) => tools.filter((tool) => !known.includes(tool))));
  return TeamProposal.parse({
    id,
    title: template.title,
    description: template.description,
    template: template.id,
    team_md: template.team_md,
    lead: template.lead === null ? null : memberId(id, template.lead),
    agents: template.agents.map(({ slot, tools, ...agent }) => ({
      ...agent,
      id: memberId(id, slot),
      tools: tools.filter((tool) => known.includes(tool)),
    })),
    notes: missing.size === 0 ? [] : [`Not here, and so left out: ${[...missing].sort().join(', ')}.`],
  });
}

/**
 * A team from words. The operator's model drafts it and nothing is made; what it drafts is checked like anybody's input.
 * The simulator knows no words: for it the closest template answers, the same for the same words.
 */
export async function proposeTeam(id: string, description: string, deps: ProposeDeps): Promise<TeamProposal> {
  const model = await deps.operatorModel();
  if (splitModelRef(model).provider === SIMULATOR_PROVIDER) {
    const template = closestTemplate(description, deps.templates);
    if (template === undefined) throw new HoldfastError('not-found', 'There are no team templates.');
    const proposal = proposalOf(id, template, deps.knownTools());
    return {
      ...proposal,
      notes: [...proposal.notes, 'The simulator answers: this is the closest template, unchanged.'],
    };
  }
  const draft = readDraft(await askModel(model, description, deps));
  const known = deps.knownTools();
  return TeamProposal.parse({
    id,
    title: draft.title,
    description: draft.description,
    team_md: draft.team_md,
    agents: draft.agents.map((agent) => {
      const { slot, ...rest } = TeamSlot.parse({
        slot: slugOf(agent.slot),
        title: agent.title,
        role: agent.role.slice(0, 64),
        instructions: agent.instructions,
        tools: agent.tools.filter((tool) => known.includes(tool) && (agent.reads_web || !WEB_TOOLS.includes(tool))),
        permissions: agent.reads_web ? { can_use_internet: true } : {},
      });
      return { ...rest, id: memberId(id, slot) };
    }),
    notes: ['Drafted by the model from your words: read it before you make it.'],
  });
}

async function askModel(model: string, description: string, deps: ProposeDeps): Promise<string> {
  const stream = deps.model.stream({
    ...{ model, agentId: OPERATOR, runId: 'team-preview', taskId: 'team-preview', callId: `call_${uuidv7()}` },
    system: instructions(deps),
    transcript: [{ role: 'user', text: description }],
    ...{ tools: [], maxOutputTokens: 8_192, thinking: 'off' as const, signal: AbortSignal.timeout(WAIT_MS) },
  });
  for await (const event of stream) {
    if (event.type === 'finished') return visibleText(event.message);
    if (event.type === 'failed')
      throw new HoldfastError(event.error.code, event.error.message, { remedy: event.error.remedy });
    if (event.type === 'aborted') throw new HoldfastError('timeout', 'The model did not answer in time.');
  }
  throw new HoldfastError('model.empty-response', 'The model said nothing.');
}

function instructions({ templates, knownTools }: ProposeDeps): string {
  const examples = templates.map(
    ({ id, description, agents }) => `${id}: ${description} (${agents.map((a) => a.title).join(', ')})`,
  );
  return `You draft a team of AI agents from what somebody wants. Answer with one JSON object and nothing else:
{"title", "description", "team_md": goal and rules in Markdown, "agents": [{"slot": short name in a-z and -, "title", "role": a few words, "tools": names from the list, "reads_web": true or false, "instructions": how it works, in the second person}]}
As few agents as the work needs, at most 8. Nobody publishes, sends or buys: a person does.
Tools: ${[...knownTools()].sort().join(', ')}.
Teams that exist as templates:\n${examples.join('\n')}`;
}

function readDraft(text: string): z.infer<typeof Drafted> {
  const json = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  try {
    return Drafted.parse(JSON.parse(json));
  } catch (cause) {
    throw new HoldfastError('model.bad-response', 'The model did not draft a team that can be read.', {
      remedy: 'Say it in other words, or take a template.',
      cause,
    });
  }
}

const memberId = (team: string, slot: string): string => AgentId.parse(`${team}-${slot}`.slice(0, 64));

function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 30);
  return slug === '' ? 'member' : slug;
}
