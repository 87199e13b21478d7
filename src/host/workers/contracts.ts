import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HoldfastError } from '../../protocol/error.ts';
import type { Expectation } from '../../protocol/expectation.ts';
import type { Sandbox } from '../../sandbox/launcher.ts';
import type { RunWriter } from '../runs/run-writer.ts';

/**
 * Looks itself whether what a worker says is done is done. The worker's words do not count: files and programs are looked
 * at through its own sandbox, with no more rights than it has, addresses through the vault like any other fetch.
 */
export interface Contracts {
  /** What does not hold, one sentence each; empty when all does. */
  check(writer: RunWriter, signal: AbortSignal): Promise<string[]>;
}

export interface ContractsDeps {
  readonly sandboxOf: (writer: RunWriter) => Promise<Sandbox>;
  /** The HTTP status of an address, asked through the vault. */
  readonly probeUrl?: ProbeUrl | undefined;
}

export type ProbeUrl = (url: string, run: { agentId: string; runId: string }, signal: AbortSignal) => Promise<number>;

const LOOK_MS = 60_000;
const LOOK = 'if [ -f "$1" ]; then wc -c < "$1"; sha256sum < "$1" | cut -d " " -f 1; else echo missing; fi';

export function createContracts(deps: ContractsDeps): Contracts {
  return {
    async check(writer, signal) {
      const failures: string[] = [];
      // One after the other: a test may make the file that the next expectation looks at.
      for (const expectation of writer.spec.expects) {
        const failure = await checkOne(expectation, { writer, signal, deps }).catch((thrown: unknown) => {
          signal.throwIfAborted();
          return `${nameOf(expectation)} could not be checked: ${HoldfastError.from(thrown).message}`;
        });
        if (failure !== undefined) failures.push(failure);
      }
      return failures;
    },
  };
}

interface Check {
  readonly writer: RunWriter;
  readonly signal: AbortSignal;
  readonly deps: ContractsDeps;
}

async function checkOne(expectation: Expectation, check: Check): Promise<string | undefined> {
  switch (expectation.kind) {
    case 'file':
      return await checkFile(expectation, check);
    case 'http':
      return await checkAddress(expectation, check);
    case 'test':
      return await checkProgram(expectation, check);
  }
}

async function checkFile(
  { path, min_bytes = 1, max_bytes, sha256 }: Extract<Expectation, { kind: 'file' }>,
  { writer, signal, deps }: Check,
): Promise<string | undefined> {
  const sandbox = await deps.sandboxOf(writer);
  const process = sandbox.spawn({ argv: ['sh', '-c', LOOK, 'sh', path], timeoutMs: LOOK_MS, signal });
  process.stdin.end();
  const [said] = await Promise.all([text(process.stdout), drained(process.stderr), process.exit]);
  const [size = 'missing', hash = ''] = said.trim().split(/\s+/);
  const bytes = Number(size);
  if (!Number.isInteger(bytes)) return `There is no file ${path}.`;
  if (bytes < min_bytes) return `${path} has ${bytes} bytes, fewer than ${min_bytes}.`;
  if (max_bytes !== undefined && bytes > max_bytes) return `${path} has ${bytes} bytes, more than ${max_bytes}.`;
  if (sha256 !== undefined && hash !== sha256) return `${path} has the SHA-256 ${hash}, not ${sha256}.`;
  return undefined;
}

async function checkProgram(
  { command, exit_code }: Extract<Expectation, { kind: 'test' }>,
  { writer, signal, deps }: Check,
): Promise<string | undefined> {
  const sandbox = await deps.sandboxOf(writer);
  const timeoutMs = writer.spec.limits.toolTimeoutMs;
  const process = sandbox.spawn({ argv: ['sh', '-c', command], timeoutMs, signal });
  process.stdin.end();
  const [exit] = await Promise.all([process.exit, drained(process.stdout), drained(process.stderr)]);
  if (exit.reason === 'exited' && exit.code === exit_code) return undefined;
  const how = exit.reason === 'exited' ? `ended with exit code ${exit.code}` : `did not end by itself (${exit.reason})`;
  return `The test \`${command}\` ${how}, not with ${exit_code}.`;
}

async function checkAddress(
  { url, status }: Extract<Expectation, { kind: 'http' }>,
  { writer, signal, deps }: Check,
): Promise<string | undefined> {
  if (writer.spec.permissions?.can_use_internet !== true || deps.probeUrl === undefined)
    return `${url} cannot be looked at: this worker may not reach the web.`;
  const answer = await deps.probeUrl(url, { agentId: writer.spec.agentId, runId: writer.runId }, signal);
  return answer === status ? undefined : `${url} answers with HTTP ${answer}, not ${status}.`;
}

/** What nobody reads must still flow, or the program would stand still. */
async function drained(stream: Readable): Promise<void> {
  stream.resume();
  await new Promise<void>((resolve) => stream.once('close', resolve));
}

function nameOf(expectation: Expectation): string {
  if (expectation.kind === 'file') return expectation.path;
  return expectation.kind === 'http' ? expectation.url : `The test \`${expectation.command}\``;
}
