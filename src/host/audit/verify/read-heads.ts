import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnchorLine, SignedHead } from '../../../protocol/audit.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import { runGit } from '../anchors/git.ts';
import { checkTimestamp } from '../timestamp/token.ts';
import type { KnownHead } from './verify.ts';

/** Heads as an anchor kept them, and what was wrong with a line. */
export interface ReadHeads {
  readonly heads: readonly KnownHead[];
  readonly warnings: readonly string[];
}

const GIT_MS = 120_000;

/** `place`: a file of lines (a file anchor, the bodies that a webhook kept, timestamps), a git repository, or its address. */
export async function readHeads(
  place: string,
  options: { branch: string; authorities: string | undefined },
): Promise<ReadHeads> {
  const found = await stat(place).catch(() => undefined);
  if (found?.isFile() === true) return parseLines(await readFile(place, 'utf8'), place, options.authorities);
  if (found?.isDirectory() === true || /^(?:https|ssh|file):\/\/|^[\w.-]+@[\w.-]+:/.test(place))
    return await fromGit(place, options);
  throw new HoldfastError('not-found', `${place} is neither a file of heads nor a git repository.`, {
    remedy: 'Give what an anchor kept: its file, or the address of its repository.',
  });
}

async function fromGit(place: string, { branch, authorities }: { branch: string; authorities: string | undefined }) {
  const copy = await mkdtemp(join(tmpdir(), 'holdfast-heads-'));
  try {
    const signal = AbortSignal.timeout(GIT_MS);
    await runGit(['init', '--quiet', '--bare', copy], { signal });
    const quiet = ['--git-dir', copy, '-c', 'core.askPass=false', '-c', 'protocol.ext.allow=never'];
    await runGit([...quiet, 'fetch', '--quiet', place, `refs/heads/${branch}:refs/heads/heads`], { signal });
    const text = await runGit([...quiet, 'log', '--reverse', '--format=%b', 'heads'], { signal });
    return parseLines(text, place, authorities);
  } catch (error) {
    throw new HoldfastError('not-found', `The heads at ${place} cannot be read: ${HoldfastError.from(error).message}`, {
      remedy: 'Give the address of the repository that the git anchor pushes to, and its --branch.',
      cause: error,
    });
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

function parseLines(text: string, place: string, authorities: string | undefined): ReadHeads {
  const heads: KnownHead[] = [];
  const warnings: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = parseLine(line);
    if (parsed === undefined) warnings.push(`Line ${index + 1} of ${place} is no head and was left out.`);
    else heads.push(knownHead(parsed, { place, authorities, warnings }));
  }
  return { heads, warnings };
}

function parseLine(line: string): AnchorLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const whole = AnchorLine.safeParse(value);
    if (whole.success) return whole.data;
    const bare = SignedHead.safeParse(value);
    return bare.success ? { head: bare.data } : undefined;
  } catch {
    return undefined; // A line that a power cut left half written.
  }
}

/** The timestamp is over the line as it was before the token was added to it. */
function knownHead(
  { head, timestamp }: AnchorLine,
  { place, authorities, warnings }: { place: string; authorities: string | undefined; warnings: string[] },
): KnownHead {
  if (timestamp === undefined) return { head, from: place };
  if (authorities === undefined) {
    warnings.push(`The timestamp of the head of ${head.count} rows was not checked: no CA file was given (--ca).`);
    return { head, from: place };
  }
  const { at } = checkTimestamp(Buffer.from(timestamp, 'base64'), { text: JSON.stringify({ head }), authorities });
  return { head, from: place, seenAt: at };
}
