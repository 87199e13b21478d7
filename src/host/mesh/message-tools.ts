import { z } from 'zod';
import { namespaceOf } from '../../policy/namespace.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import { JsonValue } from '../../protocol/json.ts';
import type { Agents } from '../agents/agents.ts';
import type { AnyTool, Tool, ToolCaller } from '../tools/tool.ts';
import type { Interests } from './interests.ts';
import type { Notices } from './notices.ts';
import { CONTROL, memberOf, refused, told } from './tool-parts.ts';
import type { MeshWrites } from './writes.ts';

const Topic = z
  .string()
  .regex(/^[\w.\-/:]{1,200}$/, 'a topic is 1 to 200 letters, digits and . _ - / :')
  .describe('Such as new_lead: within your team, or your own when you have none');
const PREVIEW_CHARS = 500;

export interface MessageToolsDeps {
  readonly interests: Interests;
  readonly notices: Notices;
  readonly agents: Pick<Agents, 'get' | 'active'>;
  readonly writes: MeshWrites;
}

export function createMessageTools(deps: MessageToolsDeps): AnyTool[] {
  return [publishTool(deps), subscribeTool(deps), sendTool(deps)];
}

function wholeTopic(name: string, { agentId, team }: Pick<ToolCaller, 'agentId' | 'team'>): string {
  if (name.startsWith('teams/') || agentId === OPERATOR) return name;
  return `${namespaceOf({ agentId, team })}${name}`;
}

function publishTool(deps: MessageToolsDeps): Tool<{ topic: string; payload: JsonValue }> {
  return {
    ...CONTROL,
    name: 'publish_event',
    description: 'Publishes an event under a topic and wakes all who subscribed to it.',
    input: z.strictObject({ topic: Topic, payload: JsonValue }),
    resources: async ({ topic }, caller) => [{ kind: 'topic', name: wholeTopic(topic, caller), act: 'publish' }],
    async execute({ topic, payload }, context) {
      const name = wholeTopic(topic, await memberOf(context, deps.agents));
      const agents = (await deps.interests.interested('topic', name)).filter((id) => id !== context.agentId);
      const text = `[Holdfast] Event ${name} from ${context.agentId}: ${JSON.stringify(payload).slice(0, PREVIEW_CHARS)}`;
      const rows = agents.map((agentId) => deps.notices.row({ agentId, kind: 'news', text, label: context.label }));
      await deps.writes.once(context.effectId, rows);
      await deps.notices.deliver();
      return told({ topic: name, subscribers: agents.length });
    },
  };
}

function subscribeTool(deps: MessageToolsDeps): Tool<{ topic: string; stop?: boolean | undefined }> {
  return {
    ...CONTROL,
    name: 'subscribe_event',
    description: 'Wakes you whenever an event of this topic is published; stop ends it.',
    input: z.strictObject({ topic: Topic, stop: z.boolean().optional() }),
    resources: async ({ topic }, caller) => [{ kind: 'topic', name: wholeTopic(topic, caller), act: 'subscribe' }],
    async execute({ topic, stop }, context) {
      const name = wholeTopic(topic, await memberOf(context, deps.agents));
      await deps.interests[stop === true ? 'remove' : 'add'](context.agentId, 'topic', name);
      return told({ topic: name, subscribed: stop !== true });
    },
  };
}

function sendTool(deps: MessageToolsDeps): Tool<{ to: string; text: string }> {
  return {
    ...CONTROL,
    name: 'send_message',
    description:
      'Says something to another agent. It reads it before its next step, or wakes for it. It does not wait for an answer: the other one writes back when it wants to. For work use hand_off.',
    input: z.strictObject({ to: z.string().min(1).max(64), text: z.string().min(1).max(20_000) }),
    async resources({ to }) {
      const agent = await deps.agents.get(to);
      return [{ kind: 'agent', id: to, act: 'message', ...(agent.team === null ? {} : { team: agent.team }) }];
    },
    async execute({ to, text }, context) {
      try {
        if (to === context.agentId) return refused(new Error('That is yourself.'), 'Not sent:');
        await deps.agents.active(to);
        const said = `[Holdfast] ${context.agentId} says to you:\n\n${text}`;
        const row = deps.notices.row({ agentId: to, kind: 'message', text: said, label: context.label });
        await deps.writes.once(context.effectId, [row]);
        await deps.notices.deliver();
        return told({ sent: true, to });
      } catch (thrown) {
        return refused(thrown, 'Not sent:');
      }
    },
  };
}
