import { HoldfastError } from '../../protocol/error.ts';
import { type FlowException, NewFlowException } from '../../protocol/flow.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { readDuration } from '../duration.ts';
import { createExceptionsClient, type ExceptionsClient } from '../exceptions-client.ts';
import { table } from '../render/table.ts';

export const EXCEPT_USAGE =
  'except add <agent> <origin> <sink> [--for 7d] [--note text] | except list | except remove <id>';

type Action = (policy: ExceptionsClient, context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, Action>> = { add, list, remove };

/** `holdfast policy except …`: the owner's exceptions from the rules of labels. */
export async function policyExcept(context: CliContext, args: Arguments): Promise<number> {
  const name = args.words[1] ?? 'list';
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) throw usage(`policy except has no "${name}"`);
  await action(createExceptionsClient({ socketPath: context.home.hostSocket }), context, args);
  return 0;
}

async function add(policy: ExceptionsClient, context: CliContext, args: Arguments): Promise<void> {
  const [, , subject, origin, sink] = args.words;
  if (sink === undefined) throw usage('policy except add needs an agent, an origin and a sink');
  const forMs = readDuration(args.text('for') ?? '7d');
  const parsed = NewFlowException.safeParse({ subject, origin, sink, forMs, note: args.text('note') ?? '' });
  if (!parsed.success) throw usage(parsed.error.issues.map((issue) => issue.message).join('; '));
  const made = await policy.addException(parsed.data);
  if (args.has('json')) return context.print(JSON.stringify(made));
  context.print(`${describe(made)}, until ${until(made)}.`);
  context.print(context.paint.dim(`Take it back: holdfast policy except remove ${made.id}`));
}

async function list(policy: ExceptionsClient, context: CliContext, args: Arguments): Promise<void> {
  const exceptions = await policy.exceptions();
  if (args.has('json')) return context.print(JSON.stringify(exceptions));
  if (exceptions.length === 0) return context.print('No exceptions: every rule of labels holds.');
  const rows = exceptions.map((one) => [one.id, one.subject, one.origin, one.sink, until(one), one.note]);
  for (const line of table([['id', 'for', 'origin', 'may lead to', 'until', 'note'], ...rows])) context.print(line);
}

async function remove(policy: ExceptionsClient, context: CliContext, args: Arguments): Promise<void> {
  const id = args.words[2];
  if (id === undefined) throw usage('policy except remove needs the id of an exception');
  const ended = await policy.removeException(id);
  if (args.has('json')) return context.print(JSON.stringify(ended));
  context.print(`Ended ${ended.id}.`);
}

const until = (one: FlowException): string => new Date(one.expiresAt).toISOString().slice(0, 16).replace('T', ' ');

const describe = (one: FlowException): string =>
  `Text from ${one.origin} may lead ${one.subject === '*' ? 'any agent' : one.subject} to ${one.sink}`;

const usage = (message: string): HoldfastError =>
  new HoldfastError('bad-request', message, { remedy: `Usage: holdfast policy ${EXCEPT_USAGE}` });
