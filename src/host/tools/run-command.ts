import { z } from 'zod';
import { AGENT_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Exit } from '../../sandbox/launcher.ts';
import type { BlobRef, BlobStore } from '../../storage/blob-store.ts';
import { type Capture, type CaptureSummary, captureOutput } from './output-capture.ts';
import { plainText } from './plain-text.ts';
import type { Tool, ToolContext } from './tool.ts';

export const RunCommandInput = z.strictObject({
  command: z.string().min(1).max(100_000).describe('A shell command line, run by sh -c in the sandbox.'),
  timeout_ms: z.number().int().min(100).max(3_600_000).optional().describe('Stops the command after this long.'),
  cwd: z.string().min(1).optional().describe('Folder to run in. Default /data.'),
});
export type RunCommandInput = z.infer<typeof RunCommandInput>;

export interface RunCommandDeps {
  readonly blobs: BlobStore;
  /** Output after which a command is stopped. Default 1 GiB. */
  readonly maxOutputBytes?: number;
}

/** What the model gets of the output, both ends together, in characters. */
const SHOWN_CHARACTERS = 15_000;
const KEPT_BYTES = 32_768;
const LIVE_MOMENT_MS = 100;
const LIVE_BYTES = 8_192;
const DEFAULT_MAX_OUTPUT = 1_073_741_824;

const DESCRIPTION = `Runs a shell command in your sandbox and returns its output and how it ended.
Every command is a new process tree in a fresh shell: a changed folder, a variable or a background job does not last
until the next command, and what it started is ended with it. Files in /data last; /tmp is empty each time; folders of
the user are under /work. There is no network but what your instructions name, by http and https. Long output is shortened in the middle.`;

export function createRunCommand(deps: RunCommandDeps): Tool<RunCommandInput> {
  return {
    name: 'run_command',
    description: DESCRIPTION,
    input: RunCommandInput,
    risk: 'sandbox-execute',
    idempotent: false,
    parallel: false,
    execute: (input, context) => execute(deps, input, context),
  };
}

async function execute(deps: RunCommandDeps, input: RunCommandInput, context: ToolContext): Promise<ToolOutcome> {
  const maxBytes = deps.maxOutputBytes ?? DEFAULT_MAX_OUTPUT;
  const sandbox = await context.sandbox();
  const enough = new AbortController();
  const process = sandbox.spawn({
    argv: ['sh', '-c', input.command],
    signal: AbortSignal.any([context.signal, enough.signal]),
    ...(input.cwd === undefined ? {} : { cwd: input.cwd }),
    ...(input.timeout_ms === undefined ? {} : { timeoutMs: input.timeout_ms }),
  });
  process.stdin.on('error', () => undefined); // It did not want any input.
  process.stdin.end();
  const capture = captureOutput(process.stdout, process.stderr, {
    keepBytes: KEPT_BYTES,
    maxBytes,
    onChunk: liveOutput(context),
    onOverflow: () => enough.abort(),
  });
  const stored = await store(deps.blobs, capture, () => enough.abort());
  const exit = await process.exit;
  return outcomeOf({ exit, stored, maxBytes, summary: capture.summary(), cancelled: context.signal.aborted });
}

/** Screens get what a person could read: beyond a bound per moment, pieces are dropped. */
function liveOutput(context: ToolContext): (stream: 'stdout' | 'stderr', chunk: Buffer) => void {
  let moment = 0;
  let room = 0;
  return (stream, chunk) => {
    const now = Math.floor(performance.now() / LIVE_MOMENT_MS);
    if (now !== moment) room = LIVE_BYTES;
    moment = now;
    if (room <= 0) return;
    context.output(stream, plainText(chunk.subarray(0, room).toString('utf8')));
    room -= chunk.length;
  };
}

type Stored =
  | { readonly kind: 'shown' }
  | { readonly kind: 'kept'; readonly ref: BlobRef }
  | { readonly kind: 'lost'; readonly problem: string };

/**
 * Output that the model gets whole and unchanged needs no blob; anything else is kept there to the last byte. A full
 * disk does not lose the outcome: the command is stopped and the model is told.
 */
async function store(blobs: BlobStore, capture: Capture, stop: () => void): Promise<Stored> {
  const bytes = capture.bytes[Symbol.asyncIterator]();
  const beginning: Uint8Array[] = [];
  let size = 0;
  let end = await bytes.next();
  for (; !end.done && size <= SHOWN_CHARACTERS; end = await bytes.next()) {
    beginning.push(end.value);
    size += end.value.length;
  }
  if (end.done && size <= SHOWN_CHARACTERS && isPlain(Buffer.concat(beginning))) return { kind: 'shown' };
  try {
    return { kind: 'kept', ref: await blobs.put(rejoin(beginning, end, bytes)) };
  } catch (error) {
    stop();
    for (; !end.done; end = await bytes.next()); // What is still on its way must be read for the command to end.
    return { kind: 'lost', problem: error instanceof Error ? error.message : String(error) };
  }
}

async function* rejoin(
  beginning: readonly Uint8Array[],
  next: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* beginning;
  for (let piece = next; !piece.done; piece = await rest.next()) yield piece.value;
}

function isPlain(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return plainText(text) === text && Buffer.byteLength(text) === bytes.length && !text.includes('\ufffd');
}

interface End {
  readonly exit: Exit;
  readonly stored: Stored;
  readonly summary: CaptureSummary;
  readonly maxBytes: number;
  readonly cancelled: boolean;
}

function outcomeOf(end: End): ToolOutcome {
  const { exit, stored, summary } = end;
  const ended = describeEnd(end);
  const blob = stored.kind === 'kept' ? stored.ref : undefined;
  const shown = shortened(summary, blob?.hash);
  const isGood = exit.reason === 'exited' && exit.code === 0 && stored.kind !== 'lost';
  return {
    status: isGood ? 'ok' : end.cancelled ? 'cancelled' : 'error',
    text: `${shown}${shown === '' || shown.endsWith('\n') ? '' : '\n'}[${ended}]`,
    data: {
      exitCode: exit.code,
      reason: summary.overflowed ? 'output-limit' : exit.reason,
      durationMs: Math.round(exit.durationMs),
      bytes: summary.bytes,
      ...(exit.limit === undefined ? {} : { limit: exit.limit }),
    },
    ...(blob === undefined ? {} : { blob: blob.hash, bytes: blob.bytes }),
    label: AGENT_LABEL,
  };
}

function describeEnd({ exit, stored, summary, maxBytes }: End): string {
  if (stored.kind === 'lost') return `the command was stopped because its output could not be kept: ${stored.problem}`;
  if (summary.overflowed) return `the command was stopped because it printed more than ${maxBytes} bytes`;
  return `the command ${exit.detail}`;
}

function shortened(summary: CaptureSummary, hash: string | undefined): string {
  const whole = plainText(Buffer.concat([summary.head, summary.tail]).toString('utf8'));
  const isWhole = summary.head.length + summary.tail.length === summary.bytes;
  if (isWhole && whole.length <= SHOWN_CHARACTERS) return whole;
  const head = plainText(summary.head.toString('utf8')).slice(0, SHOWN_CHARACTERS / 2);
  const tail = plainText((isWhole ? Buffer.concat([summary.head, summary.tail]) : summary.tail).toString('utf8'));
  const where = hash === undefined ? '' : `, the whole is kept as blob ${hash}`;
  return `${head}\n[… ${summary.bytes} bytes of output, the middle is left out${where} …]\n${tail.slice(-SHOWN_CHARACTERS / 2)}`;
}
