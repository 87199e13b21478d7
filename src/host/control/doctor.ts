import { statfs } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import type { DoctorProbe } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import type { Store } from '../../storage/store.ts';
import type { Model } from '../models/model.ts';
import type { RunSandboxes } from '../sandboxes/run-sandboxes.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';

export interface DoctorDeps {
  readonly home: string;
  readonly store: Store;
  readonly vault: VaultClient;
  readonly sandboxes: RunSandboxes;
  readonly model: Model;
  readonly defaultModel: () => string;
  readonly clock: Clock;
}

/** What a probe found, or a thrown error with its remedy. */
type Probe = () => Promise<string>;

const LEAST_FREE_BYTES = 500_000_000;
const MODEL_ANSWERS_WITHIN_MS = 30_000;

/** Proves each part by using it. */
export function createDoctor(deps: DoctorDeps): () => Promise<DoctorProbe[]> {
  const probes: readonly (readonly [string, Probe])[] = [
    ['database', () => probeDatabase(deps.store)],
    ['disk space', () => probeDisk(deps.home)],
    ['vault', () => probeVault(deps.vault)],
    ['sandbox', () => probeSandbox(deps.sandboxes)],
    ['model', () => probeModel(deps)],
  ];
  return async () => await Promise.all(probes.map(([name, probe]) => run(name, probe, deps.clock)));
}

async function run(name: string, probe: Probe, clock: Clock): Promise<DoctorProbe> {
  const startedAt = clock.now();
  const done = (ok: boolean, detail: string, remedy: string): DoctorProbe => ({
    name,
    ok,
    detail,
    remedy,
    durationMs: clock.now() - startedAt,
  });
  try {
    return done(true, await probe(), '');
  } catch (thrown) {
    const error = HoldfastError.from(thrown);
    return done(false, error.message, error.remedy ?? 'Look into `holdfast logs`.');
  }
}

async function probeDatabase(store: Store): Promise<string> {
  await store.write([{ sql: 'SELECT 1', parameters: [] }]);
  return `${store.dialect} takes writes`;
}

async function probeDisk(home: string): Promise<string> {
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  if (free > LEAST_FREE_BYTES) return `${(free / 1e9).toFixed(1)} GB free`;
  throw new HoldfastError('storage.full', `Only ${Math.round(free / 1e6)} MB are free where ${home} lies.`, {
    remedy: 'Free some space on that disk.',
  });
}

async function probeVault(vault: VaultClient): Promise<string> {
  const status = await vault.status(AbortSignal.timeout(5_000));
  if (status.locked) throw new HoldfastError('vault.locked', 'The vault is locked.', { remedy: 'holdfast unlock' });
  return `answers, secrets open (${status.keySource}), ${status.confinement.join(' and ') || 'not confined'}`;
}

async function probeSandbox(sandboxes: RunSandboxes): Promise<string> {
  const id = `doctor-${uuidv7()}`;
  try {
    const sandbox = await sandboxes.of({ runId: id, agentId: 'operator', folders: [] });
    const process = sandbox.spawn({
      argv: ['sh', '-c', 'echo written > /data/probe && cat /data/probe'],
      timeoutMs: 10_000,
    });
    const [said, complaint, exit] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
    if (said.trim() === 'written') return `${sandbox.launcher} wrote a file in ${exit.durationMs.toFixed(0)} ms`;
    throw new HoldfastError(
      'sandbox.failed',
      `The sandbox could not write a file: ${complaint.trim() || exit.detail}`,
      { remedy: sandboxes.probe?.remedy ?? '' },
    );
  } finally {
    await sandboxes.release(id);
  }
}

async function probeModel({ model, defaultModel }: DoctorDeps): Promise<string> {
  const ref = defaultModel();
  const stream = model.stream({
    model: ref,
    agentId: OPERATOR,
    runId: 'doctor',
    callId: `call_${uuidv7()}`,
    system: 'Answer with one word.',
    transcript: [{ role: 'user', text: 'hello' }],
    tools: [],
    maxOutputTokens: 256,
    thinking: 'off',
    signal: AbortSignal.timeout(MODEL_ANSWERS_WITHIN_MS),
  });
  for await (const event of stream) {
    if (event.type === 'failed')
      throw new HoldfastError(event.error.code, event.error.message, { remedy: event.error.remedy });
    if (event.type === 'aborted')
      throw new HoldfastError('timeout', `${ref} did not answer within ${MODEL_ANSWERS_WITHIN_MS / 1_000} s.`);
  }
  return `${ref} answers`;
}
