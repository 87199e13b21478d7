import { z } from 'zod';
import { JsonValue } from '../../protocol/json.ts';
import { joinLabels, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Agents } from '../agents/agents.ts';
import { labels } from '../labels/stored-label.ts';
import type { AnyTool, Tool, ToolCaller } from '../tools/tool.ts';
import type { Blackboard } from './blackboard.ts';
import { MAX_VALUE_BYTES } from './blackboard-writes.ts';
import type { Interests } from './interests.ts';
import { mayRead, wholeKey } from './keys.ts';
import type { Notices } from './notices.ts';
import type { BlackboardTable } from './tables.ts';
import { CONTROL, memberOf, READS, refused, told } from './tool-parts.ts';

const Key = z
  .string()
  .min(1)
  .max(512)
  .describe('Such as tasks/research_1: it is within your team, or your own when you have none');
const WriteInput = z.strictObject({
  key: Key,
  value: JsonValue.describe(`JSON, up to ${MAX_VALUE_BYTES} bytes`),
  expected_version: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Write only if it has this version; 0: only if it is new'),
  ttl_seconds: z.number().int().positive().optional().describe('It is gone after so long'),
});
type WriteInput = z.infer<typeof WriteInput>;

const MOST_LISTED = 200;
const PREVIEW_CHARS = 200;

export interface BlackboardToolsDeps {
  readonly blackboard: Blackboard;
  readonly interests: Interests;
  readonly notices: Notices;
  readonly agents: Pick<Agents, 'get'>;
}

export function createBlackboardTools(deps: BlackboardToolsDeps): AnyTool[] {
  return [readTool(deps), listTool(deps), writeTool(deps), watchTool(deps)];
}

const touches = (key: string, act: 'read' | 'write' | 'watch', caller: ToolCaller) =>
  [{ kind: 'blackboard', key: wholeKey(key, caller), act }] as const;

function readTool({ blackboard, agents }: BlackboardToolsDeps): Tool<{ key: string; history?: boolean | undefined }> {
  return {
    ...READS,
    name: 'read_blackboard',
    description:
      'Reads one key of the shared blackboard: its value, its version and who wrote it; or all its versions.',
    input: z.strictObject({ key: Key, history: z.boolean().optional() }),
    resources: async ({ key }, caller) => touches(key, 'read', caller),
    async execute({ key, history }, context) {
      const whole = wholeKey(key, await memberOf(context, agents));
      const row = await blackboard.read(whole);
      if (history === true) {
        const rows = await blackboard.history(whole, MOST_LISTED);
        const label = rows.reduce((joined, one) => joinLabels(joined, labels.rejoin(one.label)), SYSTEM_LABEL);
        const shown = rows.map(({ version, act, by_agent, at, value }) => ({ version, act, by: by_agent, at, value }));
        return told(shown, label);
      }
      if (row === undefined) return told({ key: whole, found: false });
      return told({ ...entryOf(row), value: JSON.parse(row.value) }, labels.rejoin(row.label));
    },
  };
}

function listTool({ blackboard, agents }: BlackboardToolsDeps): Tool<{ prefix: string }> {
  return {
    ...READS,
    name: 'list_blackboard',
    description: 'Lists the keys of the shared blackboard that begin so, with the beginning of each value.',
    input: z.strictObject({ prefix: z.string().max(512).describe('Such as tasks/; empty: all that is yours') }),
    // Each row is judged by its own key below; what is asked here is only the right to look at all.
    resources: async ({ prefix }, caller) => touches(`${prefix}*`, 'read', caller),
    async execute({ prefix }, context) {
      const member = await memberOf(context, agents);
      const whole = wholeKey(`${prefix}*`, member).slice(0, -1);
      const rows = (await blackboard.list(whole, MOST_LISTED)).filter((row) => mayRead(row.key, member));
      const label = rows.reduce((joined, row) => joinLabels(joined, labels.rejoin(row.label)), SYSTEM_LABEL);
      return told(
        rows.map((row) => ({ ...entryOf(row), preview: row.value.slice(0, PREVIEW_CHARS) })),
        label,
      );
    },
  };
}

function writeTool(deps: BlackboardToolsDeps): Tool<WriteInput> {
  return {
    ...CONTROL,
    name: 'write_blackboard',
    description:
      'Writes one key of the shared blackboard; the version rises by one. With expected_version it is refused when somebody was faster. Keys under history/ are written once and stay.',
    input: WriteInput,
    idempotent: false,
    resources: async ({ key }, caller) => touches(key, 'write', caller),
    async execute(input, context) {
      try {
        const member = await memberOf(context, deps.agents);
        const key = wholeKey(input.key, member);
        const entry = { key, value: input.value, by: context.agentId, label: context.label };
        const told_ = await newsRows(key, context.agentId, deps);
        const row = await deps.blackboard.write(
          { ...entry, expectedVersion: input.expected_version, ttlSeconds: input.ttl_seconds },
          told_,
        );
        await deps.notices.deliver();
        return told(entryOf(row));
      } catch (thrown) {
        return refused(thrown, 'Not written:');
      }
    },
    // A write that carries what we wrote and a version above the one we named is ours.
    async reconcile(input, context) {
      const row = await deps.blackboard.read(wholeKey(input.key, await memberOf(context, deps.agents)));
      const ours = row?.written_by === context.agentId && row.value === JSON.stringify(input.value);
      return row !== undefined && ours ? told(entryOf(row)) : undefined;
    },
  };
}

/** Notices for all who watch the key and may read it; never for whoever wrote it. */
export async function newsRows(key: string, by: string, deps: BlackboardToolsDeps) {
  const row = await deps.blackboard.read(key);
  const ids = (await deps.interests.interested('watch', key)).filter((id) => id !== by);
  const members = await Promise.all(ids.map((agentId) => memberOf({ agentId }, deps.agents).catch(() => undefined)));
  return members.flatMap((member) => {
    if (member === undefined || !mayRead(key, member)) return [];
    const text = `[Holdfast] ${by} wrote the blackboard key ${key}, version ${(row?.version ?? 0) + 1}. Read it with read_blackboard if it matters to you.`;
    return [deps.notices.row({ agentId: member.agentId, kind: 'news', text, label: SYSTEM_LABEL })];
  });
}

function watchTool({ interests, agents }: BlackboardToolsDeps): Tool<{ pattern: string; stop?: boolean | undefined }> {
  return {
    ...CONTROL,
    name: 'watch_blackboard',
    description:
      'Wakes you when a key of this pattern is written by somebody else; stop ends it. * stands for any text.',
    input: z.strictObject({ pattern: Key, stop: z.boolean().optional() }),
    resources: async ({ pattern }, caller) => touches(pattern, 'watch', caller),
    async execute({ pattern, stop }, context) {
      const whole = wholeKey(pattern, await memberOf(context, agents));
      await interests[stop === true ? 'remove' : 'add'](context.agentId, 'watch', whole);
      return told({ pattern: whole, watching: stop !== true });
    },
  };
}

const entryOf = ({ key, version, written_by, updated_at, expires_at }: BlackboardTable) => ({
  key,
  version,
  written_by,
  updated_at,
  expires_at,
});
