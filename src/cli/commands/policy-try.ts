import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../../protocol/error.ts';
import type { PolicyChange, TryResult } from '../../protocol/policy-change.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { hostOf } from '../connect.ts';
import { oneLine } from '../render/plain-text.ts';
import { table } from '../render/table.ts';

/** `holdfast policy try <file>`: what a change of the rules would have made otherwise. Nothing is saved. */
export async function tryPolicy(context: CliContext, args: Arguments): Promise<number> {
  const change = await readChange(args.words[1] ?? '');
  const days = args.number('days', 0.01);
  const result = await hostOf(context.home).tryPolicy({ change, ...(days === undefined ? {} : { days }) });
  const lines = args.has('json') ? [JSON.stringify(result)] : tryLines(result, context);
  for (const line of lines) context.print(line);
  return 0;
}

async function readChange(file: string): Promise<PolicyChange> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HoldfastError('not-found', `The file ${file} cannot be read.`, { remedy: 'Check its name.', cause });
  });
  const { PolicyChange } = await import('../../protocol/policy-change.ts');
  const parsed = PolicyChange.safeParse(parseJson(text, file));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || file}: ${issue.message}`);
  throw new HoldfastError('bad-request', `${file} is no change of the rules: ${problems.join('; ')}`, {
    remedy: 'See: holdfast policy --help',
  });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError('bad-request', `${file} is not JSON: ${message}`, { remedy: 'Correct it.', cause });
  }
}

function tryLines(result: TryResult, { paint }: CliContext): string[] {
  const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const rows = result.decisions.map((one) => [
    day(one.at),
    one.template === undefined ? one.agentId : `${one.agentId}/${one.template}`,
    one.tool,
    `${one.before.kind} > ${one.after.kind}`,
    one.after.rule,
    oneLine(one.about.join('; ') || '-', 60),
    oneLine(one.after.why, 200),
  ]);
  const kinds = Object.entries(result.kinds).map(([kind, count]) => `${count} ${kind}`);
  const more = result.differing - result.decisions.length;
  return [
    `${result.tried} decisions from ${day(result.from)} to ${day(result.to)}: ${
      result.differing === 0 ? paint.green('none would differ') : paint.yellow(`${result.differing} would differ`)
    }${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`,
    ...(result.skipped === 0 ? [] : [paint.dim(`${result.skipped} could not be tried: recorded without their facts.`)]),
    ...(rows.length === 0 ? [] : ['', ...table(rows)]),
    ...(more > 0 ? [paint.dim(`… and ${more} older ones`)] : []),
  ];
}
