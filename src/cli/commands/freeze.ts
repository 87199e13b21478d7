import { FreezeResult } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { credentialsOf } from '../connect.ts';
import { askHost } from '../typed-request.ts';

export const freeze: Command = {
  summary: 'The kill switch: stop everything at once, or one agent. Shuts every way out, ends sandboxes, cuts models.',
  usage: '[--agent ID] [--reason TEXT]',
  flags: [
    { name: 'agent', value: 'ID', help: 'only this agent (default: everything)' },
    { name: 'reason', value: 'TEXT', help: 'why, for the audit' },
    JSON_FLAG,
  ],
  words: [0, 0],
  notes: 'It lasts, over restarts too, until: holdfast resume',
  run: async (context, args) => {
    const scope = args.text('agent') ?? '*';
    const reason = args.text('reason') ?? 'asked for at the terminal';
    // Both at once: the host has runs to let go, and the vault shuts its doors even if the host hangs.
    const [vault, host] = await Promise.allSettled([
      credentialsOf(context.home).freeze(scope, reason),
      askHost(context.home, FreezeResult, { method: 'POST', path: '/api/freeze', body: { scope, reason } }),
    ]);
    if (vault.status === 'rejected' && host.status === 'rejected') throw HoldfastError.from(vault.reason);
    const result = host.status === 'fulfilled' ? host.value : undefined;
    const shut = vault.status === 'fulfilled' || result?.vault === true;
    if (args.has('json')) context.print(JSON.stringify({ scope, vault: shut, host: result ?? null }));
    else show(context, { scope, shut, result });
    return shut && result !== undefined ? 0 : 1;
  },
};

interface Shown {
  readonly scope: string;
  readonly shut: boolean;
  readonly result: FreezeResult | undefined;
}

function show({ print, warn }: CliContext, { scope, shut, result }: Shown): void {
  const what = scope === '*' ? 'Everything is' : `The agent ${scope} is`;
  if (!shut) warn('The vault does not answer: its doors are shut as soon as it does.');
  if (result === undefined)
    warn('The host does not answer. The vault lets nothing out; stop the rest with: holdfast stop');
  else print(`${what} frozen: ${result.runs} runs let go in ${result.ms} ms.`);
  print(`To go on: holdfast resume${scope === '*' ? '' : ` --agent ${scope}`}`);
}
