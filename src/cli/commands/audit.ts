import { createWriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AUDIT_WEBHOOK_SECRET, AuditRowView, AuditStatus } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { request } from '../api-request.ts';
import type { Arguments } from '../arguments.ts';
import { noSuchAction, verify } from '../audit/verify.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { table } from '../render/table.ts';
import { duration } from '../render/units.ts';
import { askHost, queryOf } from '../typed-request.ts';

type Action = (context: CliContext, args: Arguments) => Promise<number>;
const ACTIONS: Readonly<Record<string, Action>> = {
  status,
  list,
  tail,
  export: exportAudit,
  anchor,
  verify,
  key,
  'new-chain': newChain,
  'webhook-secret': webhookSecret,
};
const USAGE = '[list | tail | export [FILE] | anchor | verify [HEADS …] | key | new-chain | webhook-secret]';
const TAIL_EVERY_MS = 1_000;

export const audit: Command = {
  summary: 'Show, export and verify what was done, by whom and for whom.',
  usage: USAGE,
  flags: [
    JSON_FLAG,
    { name: 'limit', value: 'N', help: 'list: rows (default 50, at most 500)' },
    { name: 'action', value: 'NAME', help: 'list: only this action, e.g. effect.started' },
    { name: 'actor', value: 'ID', help: 'list: only what this person or agent did' },
    { name: 'agent', value: 'ID', help: 'list: only of this agent' },
    { name: 'run', value: 'ID', help: 'list: only of this run' },
    { name: 'database', value: 'FILE', help: 'verify: a copy of host.db instead of the running host' },
    { name: 'export', value: 'FILE', help: 'verify: a file made by `audit export` instead of the running host' },
    { name: 'key', value: 'KEY', help: 'verify: the public key, as `audit key` printed it once' },
    { name: 'ca', value: 'FILE', help: 'verify: PEM of the timestamp authority' },
    { name: 'branch', value: 'NAME', help: 'verify: branch of a git anchor (default holdfast-audit)' },
    { name: 'chain', value: 'ID', help: 'verify: this chain and later ones only' },
    { name: 'reason', value: 'TEXT', help: 'new-chain: why' },
  ],
  words: [0, 16],
  notes:
    'HEADS: what an anchor kept: a file of lines, a git repository or its address. verify exits with 1 when anything is wrong.',
  run: async (context, args) => {
    const name = args.words[0] ?? 'status';
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) throw noSuchAction(name, USAGE);
    return await action(context, args);
  },
};

async function status(context: CliContext, args: Arguments): Promise<number> {
  const found = await askHost(context.home, AuditStatus, { method: 'GET', path: '/api/audit/status' });
  if (args.has('json')) context.print(JSON.stringify(found));
  else show(context, found);
  return found.problems.length === 0 ? 0 : 1;
}

async function anchor(context: CliContext, args: Arguments): Promise<number> {
  const found = await askHost(context.home, AuditStatus, { method: 'POST', path: '/api/audit/anchor' });
  if (args.has('json')) context.print(JSON.stringify(found));
  else show(context, found);
  return found.problems.length === 0 ? 0 : 1;
}

function show({ print, paint }: CliContext, found: AuditStatus): void {
  const open =
    found.unanchored === 0 ? 'all anchored' : `${found.unanchored} not anchored for ${duration(found.unanchoredForMs)}`;
  print(`${found.rows} rows, ${open}; anchored every ${duration(found.anchorEveryMs)}`);
  print(`public key  ${found.publicKey ?? 'not known yet: the vault has signed nothing'}`);
  const when = (at: number | null): string => (at === null ? 'never' : new Date(at).toISOString());
  const rows = found.anchors.map((one) => [
    one.name,
    String(one.count),
    when(one.at),
    one.outside ? 'outside' : 'this machine',
  ]);
  for (const line of table([['anchor', 'rows', 'last', 'where'], ...rows])) print(line);
  if (!found.anchors.some((one) => one.outside))
    print(
      paint.yellow('No anchor is outside this machine: whoever owns it could replace the audit. See docs/audit.md'),
    );
  for (const problem of found.problems) print(`${paint.red('!')} ${problem}`);
}

async function list(context: CliContext, args: Arguments): Promise<number> {
  const rows = await askHost(context.home, AuditRowView.array(), {
    method: 'GET',
    path: `/api/audit${queryOf({
      limit: args.number('limit', 1),
      action: args.text('action'),
      actor: args.text('actor'),
      agentId: args.text('agent'),
      runId: args.text('run'),
    })}`,
  });
  if (args.has('json')) context.print(JSON.stringify(rows));
  else if (rows.length === 0) context.print('No rows.');
  else for (const line of table([HEAD, ...rows.reverse().map(cells)])) context.print(line);
  return 0;
}

/** Prints what comes until it is interrupted. */
async function tail(context: CliContext, args: Arguments): Promise<number> {
  const newest = await askHost(context.home, AuditRowView.array(), { method: 'GET', path: '/api/audit?limit=1' });
  for (let after = newest[0]?.seq ?? 0; !context.signal.aborted; ) {
    const path = `/api/audit${queryOf({ after, limit: 500 })}`;
    const rows = await askHost(context.home, AuditRowView.array(), { method: 'GET', path });
    for (const row of rows) context.print(args.has('json') ? JSON.stringify(row) : cells(row).join('  '));
    after = rows.at(-1)?.seq ?? after;
    await delay(TAIL_EVERY_MS, undefined, { signal: context.signal }).catch(() => undefined);
  }
  return 0;
}

const HEAD = ['seq', 'time', 'who', 'for', 'by', 'action', 'target', 'outcome', 'run'];

function cells(row: AuditRowView): string[] {
  const time = new Date(row.at).toISOString().slice(0, 19).replace('T', ' ');
  const who = [row.actor, row.principal ?? '', row.surface];
  return [String(row.seq), time, ...who, row.action, row.target.slice(0, 60), row.outcome, row.runId ?? ''];
}

async function exportAudit(context: CliContext, args: Arguments): Promise<number> {
  const body = await request({ socketPath: context.home.hostSocket }, { method: 'GET', path: '/api/audit/export' });
  const file = args.words[1];
  const out = file === undefined ? context.stdout : createWriteStream(file, { mode: 0o600, flags: 'wx' });
  await new Promise<void>((resolve, reject) => {
    out.once('error', (error) => reject(cannotWrite(file, error)));
    out.write(body, () => resolve());
  });
  if (file !== undefined)
    context.print(`Written to ${file}. Check it anywhere: holdfast audit verify --export ${file} HEADS --key KEY`);
  return 0;
}

async function key(context: CliContext): Promise<number> {
  const { publicKey } = await askHost(context.home, AuditStatus, { method: 'POST', path: '/api/audit/anchor' });
  if (publicKey === null)
    throw new HoldfastError('vault.unreachable', 'The vault has not said its key yet.', { remedy: 'holdfast status' });
  context.warn('Keep it away from this machine: a verifier believes what is signed with it.');
  context.print(publicKey);
  return 0;
}

async function newChain(context: CliContext, args: Arguments): Promise<number> {
  const reason = args.text('reason');
  if (reason === undefined)
    throw new HoldfastError('bad-request', 'new-chain needs --reason', {
      remedy: 'holdfast audit new-chain --reason "restored the backup of Monday"',
    });
  const Chain = z.object({ chain: z.string() });
  const { chain } = await askHost(context.home, Chain, { method: 'POST', path: '/api/audit/chains', body: { reason } });
  context.print(`A new chain began: ${chain}. The rows before stay in the old one.`);
  return 0;
}

async function webhookSecret(context: CliContext): Promise<number> {
  if (context.stdin.isTTY)
    throw new HoldfastError('bad-request', 'the secret is read from stdin', {
      remedy: 'Pipe it in: holdfast audit webhook-secret < file',
    });
  await vaultOf(context.home).putSecret(AUDIT_WEBHOOK_SECRET, context.stdin);
  context.print('Stored in the vault. The receiver checks x-holdfast-signature with the same secret.');
  return 0;
}

function cannotWrite(file: string | undefined, cause: Error): HoldfastError {
  return new HoldfastError('bad-request', `${file ?? 'stdout'} cannot be written: ${cause.message}`, { cause });
}
