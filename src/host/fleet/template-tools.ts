import { z } from 'zod';
import type { JsonValue } from '../../protocol/json.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { described } from '../tools/light-schema.ts';
import type { AnyTool, Tool } from '../tools/tool.ts';
import type { WorkerTemplates } from '../workers/template-store.ts';
import { TemplateId, WorkerTemplate } from '../workers/templates.ts';

const CONTROL = { risk: 'control', idempotent: false, parallel: false, deferred: true } as const;
const Fields = WorkerTemplate.omit({ permissions: true, aliases: true, paths: true, optional_tools: true });
/** Described once is enough. */
const Light = described(Fields, 'As for create_worker_template');
const Ref = z.strictObject({ id: TemplateId });

/** How an agent that may makes a kind of worker for a special task. What such a worker may do is asked of a person. */
export function createTemplateTools(templates: WorkerTemplates): AnyTool[] {
  return [putTool(templates, 'create'), putTool(templates, 'update'), removeTool(templates)];
}

function putTool(templates: WorkerTemplates, verb: 'create' | 'update'): Tool<z.infer<typeof Fields>> {
  return {
    ...CONTROL,
    name: `${verb}_worker_template`,
    description:
      verb === 'create'
        ? 'Makes a new kind of worker for a special task. The owner is asked about its tools.'
        : 'Changes a kind of worker of the owner’s own; shipped ones cannot be changed.',
    input: verb === 'create' ? Fields : Light,
    async resources(template) {
      await templates.refresh();
      const before = templates.find(template.id);
      const reaches = template.egress ?? [];
      const told = [
        `tools ${template.tools.join(', ')}`,
        ...(reaches.length === 0 ? [] : [`network ${reaches.join(', ')}`]),
      ];
      return [
        {
          kind: 'fleet',
          act: `template.${verb}`,
          target: `${template.id}: ${told.join('; ')}`,
          widens: before === undefined || widens(before, template),
        } satisfies Resource,
      ];
    },
    async execute(template, { agentId }) {
      const made = await templates.put(template, { id: agentId, surface: 'agent' });
      return json({ template: made.id, tools: made.tools });
    },
  };
}

/** More tools, places, children, skills or servers than before. */
function widens(before: WorkerTemplate, after: z.infer<typeof Fields>): boolean {
  const more = (held: readonly string[], wanted: readonly string[]): boolean =>
    wanted.some((one) => !held.includes(one));
  return (
    more(before.tools, after.tools) ||
    more(before.egress ?? [], after.egress ?? []) ||
    more(before.children, after.children) ||
    more(before.skills, after.skills) ||
    more(before.mcp, after.mcp) ||
    (after.internet === true && before.internet !== true)
  );
}

function removeTool(templates: WorkerTemplates): Tool<z.infer<typeof Ref>> {
  return {
    ...CONTROL,
    name: 'delete_worker_template',
    description: 'Removes a kind of worker of the owner’s own. It can be undone.',
    input: Ref,
    resources: async ({ id }) => [{ kind: 'fleet', act: 'template.remove', target: id, widens: false }],
    async execute({ id }, { agentId }) {
      await templates.remove(id, { id: agentId, surface: 'agent' });
      return json({ removed: id });
    },
  };
}

function json(data: JsonValue): ToolOutcome {
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
}
