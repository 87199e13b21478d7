/**
 * Which folders of this machine an agent may ever be offered. Pure: works on absolute paths that the caller has already
 * resolved (no `.`, `..` or symlink left). A person's approval cannot override a refusal made here.
 */
export interface PathFacts {
  /** Holdfast's own home directory. */
  readonly home: string;
  /** The user's home directory. */
  readonly userHome: string;
}

const SYSTEM_TREES = ['/proc', '/sys', '/dev', '/run', '/boot', '/etc', '/root/.ssh', '/var/run', '/var/lib/docker'];
/** Folders of a user's home that hold keys or sessions. */
const SECRET_FOLDERS = [
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.password-store',
  '.config/gcloud',
  '.mozilla',
  '.config/google-chrome',
  '.config/chromium',
  '.claude',
  '.codex',
  '.local/share/keyrings',
];

/** Why this folder is never shared, or undefined when a person may decide. */
export function refusePath(path: string, facts: PathFacts): string | undefined {
  if (!path.startsWith('/')) return 'the path is not absolute';
  if (path === '/') return 'it is the whole machine';
  if (overlaps(path, facts.home)) return 'it holds the runtime’s own data';
  const system = SYSTEM_TREES.find((tree) => isWithin(path, tree));
  if (system !== undefined) return `it belongs to the system (${system})`;
  const secret = SECRET_FOLDERS.map((name) => `${facts.userHome}/${name}`).find((folder) => isWithin(path, folder));
  if (secret !== undefined) return `it holds keys or sessions (${secret})`;
  return undefined;
}

/** True when `path` is `tree` or lies below it. */
export function isWithin(path: string, tree: string): boolean {
  return path === tree || path.startsWith(tree.endsWith('/') ? tree : `${tree}/`);
}

function overlaps(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}
