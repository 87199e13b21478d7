import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { HoldfastError } from '../../protocol/error.ts';
import { TeamTemplate, type TeamTemplateView } from '../../protocol/team.ts';

/** Reads every team template of a folder; all problems are reported together, with the file that has them. */
export async function loadTeamTemplates(directory: string): Promise<TeamTemplate[]> {
  const files = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name)).sort();
  const read = await Promise.all(
    files.map(async (name) => readOne(name, await readFile(join(directory, name), 'utf8'))),
  );
  const problems = read.flatMap((result) => ('problems' in result ? result.problems : []));
  if (problems.length > 0) {
    throw new HoldfastError('config.invalid', `Team templates are not valid: ${problems.join('; ')}.`, {
      remedy: `Correct the files in ${directory}.`,
    });
  }
  return read.flatMap((result) => ('template' in result ? [result.template] : []));
}

function readOne(file: string, text: string): { template: TeamTemplate } | { problems: string[] } {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return { problems: [`${file}: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const parsed = TeamTemplate.safeParse(value);
  if (parsed.success) return { template: parsed.data };
  return {
    problems: parsed.error.issues.map((issue) => `${file}: ${issue.path.map(String).join('.')}: ${issue.message}`),
  };
}

export const toTeamTemplateView = ({ id, title, description, agents }: TeamTemplate): TeamTemplateView => ({
  id,
  title,
  description,
  roles: agents.map((agent) => agent.title),
  dailyUsd: agents.reduce((sum, agent) => sum + agent.daily_usd, 0),
});

/** The template that a description in words fits best: by shared words alone, so the same words give the same one. */
export function closestTemplate(description: string, templates: readonly TeamTemplate[]): TeamTemplate | undefined {
  const words = new Set(description.toLowerCase().match(/\p{L}+/gu) ?? []);
  const points = (template: TeamTemplate): number => {
    const named = template.keywords.filter((word) => words.has(word)).length * 3;
    const text = `${template.title} ${template.description}`.toLowerCase().match(/\p{L}{4,}/gu) ?? [];
    return named + text.filter((word) => words.has(word)).length;
  };
  const ranked = templates
    .map((template) => ({ template, points: points(template) }))
    .sort((a, b) => b.points - a.points);
  const best = ranked[0];
  if (best !== undefined && best.points > 0) return best.template;
  return templates.find((template) => template.id === 'starter') ?? best?.template;
}
