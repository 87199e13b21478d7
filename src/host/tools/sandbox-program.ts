/** Runs an ordinary program in the run's sandbox for a file tool: bounded output, content through stdin, no shell of ours. */
import type { Readable } from 'node:stream';
import type { Exit, Sandbox } from '../../sandbox/launcher.ts';
import type { ToolContext } from './tool.ts';

export interface ProgramResult {
  readonly exit: Exit;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** There was more output than `maxBytes`; the program was stopped. */
  readonly cut: boolean;
}

export interface ProgramOptions {
  readonly input?: string | Uint8Array;
  /** Default 256 kB. */
  readonly maxBytes?: number;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_MAX_BYTES = 262_144;
const DEFAULT_TIMEOUT_MS = 60_000;
const LONGEST_COMPLAINT = 4_096;

export async function runProgram(
  context: ToolContext,
  argv: readonly [string, ...string[]],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const sandbox: Sandbox = await context.sandbox();
  const enough = new AbortController();
  const process = sandbox.spawn({
    argv,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    signal: AbortSignal.any([context.signal, enough.signal]),
  });
  process.stdin.on('error', () => undefined); // It ended without reading everything; its exit says why.
  process.stdin.end(options.input);
  const [out, err, exit] = await Promise.all([
    collect(process.stdout, options.maxBytes ?? DEFAULT_MAX_BYTES, () => enough.abort()),
    collect(process.stderr, LONGEST_COMPLAINT, () => undefined),
    process.exit,
  ]);
  return { exit, stdout: out.bytes, stderr: err.bytes.toString('utf8').trim(), cut: out.cut };
}

/** Keeps the first `max` bytes and lets the rest pass. */
async function collect(stream: Readable, max: number, onCut: () => void): Promise<{ bytes: Buffer; cut: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    if (size <= max) chunks.push(chunk);
    size += chunk.length;
    if (size > max) onCut();
  }
  return { bytes: Buffer.concat(chunks).subarray(0, max), cut: size > max };
}
