import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Anchor } from './anchor.ts';

/**
 * A commit per head, pushed to a repository elsewhere. Never with force: a remote that has another history refuses, and
 * that refusal is the alarm. The commits are made in a bare repository of our own, without hooks, work tree or checkout,
 * and git asks nobody for a password: the keys of the user who runs Holdfast have to be enough.
 */
export interface GitAnchorConfig {
  readonly remote: string;
  readonly branch: string;
  /** Our own copy. */
  readonly directory: string;
}

const AUTHOR = ['-c', 'user.name=Holdfast', '-c', 'user.email=holdfast@localhost', '-c', 'commit.gpgSign=false'];
const QUIET = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.askPass=false', '-c', 'protocol.ext.allow=never'];
const ALREADY_THERE = /not our ref|couldn't find remote ref/i;

export function createGitAnchor({ remote, branch, directory }: GitAnchorConfig): Anchor {
  const ref = `refs/heads/${branch}`;
  const git = (args: readonly string[], options: { signal: AbortSignal; input?: string }): Promise<string> =>
    runGit(['--git-dir', directory, ...QUIET, ...AUTHOR, ...args], options);
  const tip = (signal: AbortSignal): Promise<string> =>
    git(['rev-parse', '--verify', '--quiet', ref], { signal }).catch(() => '');
  return {
    name: `git ${withoutPassword(remote)}`,
    kind: 'git',
    outside: true,
    put: async ({ head, line }, signal) => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await runGit(['init', '--quiet', '--bare', directory], { signal });
      // Only what continues the remote's history can be pushed, so it is where a new copy of ours begins.
      if ((await tip(signal)) === '') await fetchTip(git, { remote, ref, signal });
      const parent = await tip(signal);
      const blob = await git(['hash-object', '-w', '--stdin'], { signal, input: `${line}\n` });
      const tree = await git(['mktree'], { signal, input: `100644 blob ${blob}\thead.json\n` });
      const message = `audit head ${head.count}\n\n${line}\n`;
      const parents = parent === '' ? [] : ['-p', parent];
      const commit = await git(['commit-tree', tree, ...parents], { signal, input: message });
      await git(['push', '--quiet', remote, `${commit}:${ref}`], { signal });
      await git(['update-ref', ref, commit], { signal });
    },
  };
}

type Git = (args: readonly string[], options: { signal: AbortSignal; input?: string }) => Promise<string>;

async function fetchTip(git: Git, { remote, ref, signal }: { remote: string; ref: string; signal: AbortSignal }) {
  await git(['fetch', '--quiet', remote, `${ref}:${ref}`], { signal }).catch((error: unknown) => {
    if (!ALREADY_THERE.test(HoldfastError.from(error).message)) throw error;
  });
}

export async function runGit(
  args: readonly string[],
  { signal, input }: { signal: AbortSignal; input?: string },
): Promise<string> {
  const child = spawn('git', [...args], { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.on('error', () => {}); // A git that ended without reading says why on stderr.
  child.stdin.end(input ?? '');
  const [code, said, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code === 0) return said.trim();
  const reason = withoutPassword(complaints.trim().split('\n').slice(0, 3).join(' ')).slice(0, 300);
  throw new HoldfastError(
    'internal',
    `git ${args.find((arg) => /^[a-z]/.test(arg) && !arg.includes('=')) ?? ''} failed: ${reason}`,
  );
}

/** A password in an address belongs into no row, log or message. */
function withoutPassword(address: string): string {
  return address.replaceAll(/(\/\/)[^/@\s]+@/g, '$1');
}
