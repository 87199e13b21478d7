import { HoldfastError } from '../../protocol/error.ts';
import { Invitation, PairingCode, PersonView, SenderView } from '../../protocol/people.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { findPerson, listPeople, tell } from '../people/people-api.ts';
import { table } from '../render/table.ts';
import { askHost } from '../typed-request.ts';

type Action = (context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, { usage: string; words: number; run: Action }>> = {
  list: { usage: 'list', words: 0, run: list },
  add: { usage: 'add <name> [--role admin|member|viewer]', words: 1, run: add },
  role: { usage: 'role <name> <admin|member|viewer>', words: 2, run: role },
  remove: { usage: 'remove <name>', words: 1, run: remove },
  invite: { usage: 'invite <name>', words: 1, run: invite },
  pair: { usage: 'pair <name> <channel>', words: 2, run: pair },
  senders: { usage: 'senders', words: 0, run: senders },
  allow: { usage: 'allow <name> <channel> <address>', words: 3, run: allow },
  forget: { usage: 'forget <channel> <address>', words: 2, run: forget },
};

export const people: Command = {
  summary: 'Who uses this install: add, invite, roles, and the addresses they write from.',
  usage: '<action> …',
  flags: [{ name: 'role', value: 'ROLE', help: 'add: admin, member (default) or viewer' }, JSON_FLAG],
  words: [1, 4],
  notes: `Actions:\n${Object.values(ACTIONS)
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}\nA member sees their own sessions and those shared with them; a viewer only what is shared.`,
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) throw unknown(name);
    if (args.words.length - 1 !== action.words)
      throw new HoldfastError('bad-request', `usage: holdfast people ${action.usage}`);
    await action.run(context, args);
    return 0;
  },
};

async function list(context: CliContext, args: Arguments): Promise<void> {
  const found = await listPeople(context.home);
  if (args.has('json')) return context.print(JSON.stringify(found));
  const day = (at: number | null): string => (at === null ? 'never' : new Date(at).toISOString().slice(0, 10));
  const rows = found.map((one) => [
    one.name,
    one.role,
    day(one.lastSeenAt),
    one.secondFactor ? 'second factor' : '',
    one.addresses.join(' '),
    one.id,
  ]);
  for (const line of table([['name', 'role', 'seen', '', 'writes from', 'id'], ...rows])) context.print(line);
}

async function add(context: CliContext, args: Arguments): Promise<void> {
  const body = { name: args.words[1], role: args.text('role') ?? 'member' };
  const person = await askHost(context.home, PersonView, { method: 'POST', path: '/api/people', body });
  const { url } = await invitationOf(context, person.id);
  if (args.has('json')) return context.print(JSON.stringify({ ...person, url }));
  context.print(
    `${person.name} is a ${person.role} now. Send them this link; it signs one browser in, once, within a day:`,
  );
  context.print(url);
}

async function role(context: CliContext, { words }: Arguments): Promise<void> {
  const person = await findPerson(context.home, words[1] ?? '');
  await tell(context.home, 'POST', `/api/people/${person.id}/role`, { role: words[2] });
  context.print(`${person.name} is a ${words[2]} now.`);
}

async function remove(context: CliContext, { words }: Arguments): Promise<void> {
  const person = await findPerson(context.home, words[1] ?? '');
  await tell(context.home, 'DELETE', `/api/people/${person.id}`);
  context.print(`${person.name} was removed: logins, keys, codes and addresses have ended. What they did stays.`);
}

async function invite(context: CliContext, args: Arguments): Promise<void> {
  const person = await findPerson(context.home, args.words[1] ?? '');
  const invitation = await invitationOf(context, person.id);
  context.print(args.has('json') ? JSON.stringify(invitation) : invitation.url);
}

function invitationOf(context: CliContext, id: string): Promise<Invitation> {
  return askHost(context.home, Invitation, { method: 'POST', path: `/api/people/${id}/invitations` });
}

async function pair(context: CliContext, args: Arguments): Promise<void> {
  const person = await findPerson(context.home, args.words[1] ?? '');
  const body = { channel: args.words[2], person: person.id };
  const made = await askHost(context.home, PairingCode, { method: 'POST', path: '/api/pairing-codes', body });
  if (args.has('json')) return context.print(JSON.stringify(made));
  context.print(`Whoever sends this on ${made.channel} within ten minutes is ${person.name} there from then on:`);
  context.print(made.code);
}

async function senders(context: CliContext, args: Arguments): Promise<void> {
  const found = await askHost(context.home, SenderView.array(), { method: 'GET', path: '/api/senders' });
  if (args.has('json')) return context.print(JSON.stringify(found));
  if (found.length === 0) return context.print('Nobody writes from a channel yet.');
  const names = new Map((await listPeople(context.home)).map((one) => [one.id, one.name]));
  const rows = found.map((one) => [one.channel, one.address, names.get(one.person) ?? one.person]);
  for (const line of table([['channel', 'address', 'is'], ...rows])) context.print(line);
}

async function allow(context: CliContext, { words }: Arguments): Promise<void> {
  const person = await findPerson(context.home, words[1] ?? '');
  await tell(context.home, 'POST', '/api/senders', { channel: words[2], address: words[3], person: person.id });
  context.print(`${words[3]} on ${words[2]} is ${person.name} now.`);
}

async function forget(context: CliContext, { words }: Arguments): Promise<void> {
  const [channel = '', address = ''] = words.slice(1);
  await tell(context.home, 'DELETE', `/api/senders/${encodeURIComponent(channel)}/${encodeURIComponent(address)}`);
  context.print(`${address} on ${channel} is a stranger again.`);
}

function unknown(name: string): HoldfastError {
  const near = closest(name, Object.keys(ACTIONS));
  return new HoldfastError('bad-request', `people has no "${name}"`, {
    remedy: near ? `Did you mean: holdfast people ${near}` : 'See: holdfast people --help',
  });
}
