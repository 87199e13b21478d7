import { mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { type DoctorProbe, DoctorProbe as ProbeShape } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { request } from '../api-request.ts';
import type { CliContext } from '../command.ts';
import { hostOf, vaultOf } from '../connect.ts';
import { loadConfig } from '../load-config.ts';
import { bytes } from '../render/units.ts';
import { checkPort } from '../supervisor/check-port.ts';
import { supervisorStatus } from '../supervisor/control.ts';
import { vaultLevel } from './vault-level.ts';

/** What a probe found out; it throws, with a remedy, when the part is broken. */
interface Probe {
  readonly name: string;
  run(context: CliContext): Promise<string>;
}

const LEAST_FREE_BYTES = 500_000_000;

const LOCAL: readonly Probe[] = [
  { name: 'home', run: probeHome },
  { name: 'disk', run: probeDisk },
  { name: 'config', run: probeConfig },
  { name: 'processes', run: probeProcesses },
  { name: 'vault', run: probeVault },
];

/** From the ground up: what does not need a running Holdfast first, then what only the host can try. */
export async function* runProbes(context: CliContext): AsyncGenerator<DoctorProbe> {
  for (const probe of LOCAL) yield await measure(probe, context);
  const host = await measure({ name: 'host', run: probeHost }, context);
  yield host;
  if (host.ok) yield* askHost(context);
}

async function measure(probe: Probe, context: CliContext): Promise<DoctorProbe> {
  const startedAt = performance.now();
  const result = (ok: boolean, detail: string, remedy: string): DoctorProbe => ({
    name: probe.name,
    ok,
    detail,
    remedy,
    durationMs: Math.round(performance.now() - startedAt),
  });
  try {
    return result(true, await probe.run(context), '');
  } catch (error) {
    const failure = HoldfastError.from(error);
    return result(false, failure.message, failure.remedy ?? 'holdfast logs');
  }
}

/** The host tries what it alone can: a sandbox that writes a file, and a call of one token through the vault. */
async function* askHost(context: CliContext): AsyncGenerator<DoctorProbe> {
  const startedAt = performance.now();
  try {
    const body = await request({ socketPath: context.home.hostSocket }, { method: 'POST', path: '/api/doctor' });
    for (const probe of ProbeShape.array().parse(JSON.parse(body.toString('utf8'))))
      if (!probe.name.startsWith('disk')) yield { ...probe, name: `host: ${probe.name}` };
  } catch (error) {
    const { message, remedy } = HoldfastError.from(error);
    const durationMs = Math.round(performance.now() - startedAt);
    yield { name: 'host probes', ok: false, detail: message, remedy: remedy ?? 'holdfast logs host', durationMs };
  }
}

async function probeHome({ home }: CliContext): Promise<string> {
  const found = await stat(home.root).catch(() => undefined);
  if (found === undefined) return `${home.root} does not exist yet; start makes it`;
  const mode = found.mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new HoldfastError('forbidden', `${home.root} is open to others (mode ${mode.toString(8)}).`, {
      remedy: `chmod 700 ${home.root}`,
    });
  const directory = await mkdtemp(join(home.root, '.doctor-'));
  await writeFile(join(directory, 'probe'), 'written');
  await rm(directory, { recursive: true });
  return `${home.root} is private and writable`;
}

async function probeDisk({ home }: CliContext): Promise<string> {
  const { bavail, bsize } = await statfs(home.root).catch(() => statfs('/'));
  const free = bavail * bsize;
  if (free < LEAST_FREE_BYTES)
    throw new HoldfastError('storage.full', `Only ${bytes(free)} are free under ${home.root}.`, {
      remedy: `Free at least ${bytes(LEAST_FREE_BYTES)}, or move the home: holdfast start --home DIR`,
    });
  return `${bytes(free)} free`;
}

async function probeConfig({ home }: CliContext): Promise<string> {
  const loaded = await loadConfig(home);
  if (loaded.ok) return loaded.exists ? 'config.json is valid' : 'no config.json: all defaults hold';
  throw new HoldfastError('config.invalid', `config.json has ${loaded.problems.length} problem(s).`, {
    remedy: 'holdfast config check',
  });
}

async function probeProcesses({ home }: CliContext): Promise<string> {
  const found = await supervisorStatus(home.supervisorSocket);
  if (found === undefined) {
    const loaded = await loadConfig(home);
    if (loaded.ok) await checkPort(loaded.config.server.host, loaded.config.server.port);
    throw new HoldfastError('host.unreachable', 'Holdfast is not running.', { remedy: 'holdfast start' });
  }
  if (found.problems[0] !== undefined)
    throw new HoldfastError('internal', found.problems.join(' '), { remedy: 'holdfast logs' });
  return found.processes.map((one) => `${one.name} ${one.pid}`).join(', ');
}

async function probeVault({ home }: CliContext): Promise<string> {
  const level = await vaultLevel(home, getuid?.());
  // Its owner's door is closed to us; the host asks it below.
  if (level.ownUser) return `runs as a service, ${level.text}`;
  const status = await vaultOf(home).status();
  if (status.locked)
    throw new HoldfastError('vault.locked', 'The vault waits for its passphrase.', { remedy: 'holdfast unlock' });
  const keyless = status.providers.filter((one) => one.needsKey && !one.hasKey).map((one) => one.id);
  if (keyless.length > 0)
    throw new HoldfastError('vault.secret-missing', `No key is stored for ${keyless.join(', ')}.`, {
      remedy: `holdfast setup --provider ${keyless[0]}`,
    });
  const names = await vaultOf(home).listSecrets();
  return `answers, opens its store (${names.length} secrets), ${status.confinement.join(', ') || 'unconfined'}, ${level.text}`;
}

async function probeHost({ home }: CliContext): Promise<string> {
  const status = await hostOf(home).status();
  return `answers at ${status.url}`;
}
