import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processEntry } from '../../base/entry.ts';
import { AuditReport, AuditStatus } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { request } from '../api-request.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import { askProcess } from '../maintenance.ts';
import { askHost } from '../typed-request.ts';

/**
 * Checks an audit against the heads that anchors kept. With a copy or an export, heads and a key it asks nobody; what is
 * left out is taken from this home, which is only as good as this machine is honest, and is said.
 */
export async function verify(context: CliContext, args: Arguments): Promise<number> {
  await using source = await sourceOf(context, args);
  const heads = args.words.length > 1 ? args.words.slice(1) : await ownHeads(context);
  const key = args.text('key') ?? (source.own ? await ownKey(context) : undefined);
  const optional = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value]);
  const report = AuditReport.parse(
    await askProcess(context, processEntry(import.meta.url, '../../host/audit/verify/main'), [
      ...source.arguments,
      ...heads.flatMap((place) => ['--heads', place]),
      ...optional('--key', key),
      ...optional('--ca', args.text('ca') ?? (source.own ? await ownAuthority(context) : undefined)),
      ...optional('--branch', args.text('branch')),
      ...optional('--chain', args.text('chain')),
    ]),
  );
  if (args.has('json')) context.print(JSON.stringify(report));
  else show(context, report);
  return report.ok ? 0 : 1;
}

interface Source extends AsyncDisposable {
  readonly arguments: readonly string[];
  /** It is the running host's own word. */
  readonly own: boolean;
}

async function sourceOf(context: CliContext, args: Arguments): Promise<Source> {
  const nothing = async (): Promise<void> => {};
  for (const kind of ['database', 'export']) {
    const path = args.text(kind);
    if (path !== undefined) return { arguments: [`--${kind}`, path], own: false, [Symbol.asyncDispose]: nothing };
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audit-'));
  const path = join(folder, 'audit.jsonl');
  const body = await request({ socketPath: context.home.hostSocket }, { method: 'GET', path: '/api/audit/export' });
  await writeFile(path, body, { mode: 0o600 });
  return {
    arguments: ['--export', path],
    own: true,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function ownHeads({ home }: CliContext): Promise<string[]> {
  const loaded = await loadConfig(home);
  const anchors = loaded.ok ? loaded.config.audit.anchors : [];
  const places = anchors.flatMap((anchor) => {
    if (anchor.kind === 'file') return [anchor.path];
    if (anchor.kind === 'git') return [anchor.remote];
    return anchor.kind === 'rfc3161' ? [anchor.path ?? join(home.root, 'audit', 'timestamps.jsonl')] : [];
  });
  return places.length > 0 ? places : [join(home.root, 'audit', 'heads.jsonl')];
}

async function ownKey({ home }: CliContext): Promise<string | undefined> {
  const { publicKey } = await askHost(home, AuditStatus, { method: 'GET', path: '/api/audit/status' });
  return publicKey ?? undefined;
}

async function ownAuthority({ home }: CliContext): Promise<string | undefined> {
  const loaded = await loadConfig(home);
  const found = loaded.ok ? loaded.config.audit.anchors.find((anchor) => anchor.kind === 'rfc3161') : undefined;
  return found?.kind === 'rfc3161' ? found.caFile : undefined;
}

function show({ print, warn, paint }: CliContext, report: AuditReport): void {
  for (const warning of report.warnings) warn(`note: ${warning}`);
  for (const problem of report.problems) print(`${paint.red('!')} ${problem}`);
  const window =
    report.widestWindowMs === null ? '' : `; no row waited longer than ${Math.ceil(report.widestWindowMs / 1_000)} s`;
  const attested = `${report.attested} of ${report.rows} rows are attested by ${report.heads} heads${window}`;
  print(report.ok ? `${paint.green('ok')}  ${attested}` : `${paint.red('not ok')}  ${attested}`);
}

export function noSuchAction(name: string, usage: string): HoldfastError {
  return new HoldfastError('bad-request', `audit has no "${name}"`, { remedy: `Usage: holdfast audit ${usage}` });
}
