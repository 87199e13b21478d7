import { posix } from 'node:path';
import { AGENT_LABEL, type Label } from '../../protocol/label.ts';

const USER_FOLDERS = '/work';

/** An absolute path inside the sandbox; relative ones start in `/data`. */
export function pathInside(path: string): string {
  return posix.resolve('/data', path);
}

/** A mounted folder of the user is private, and nobody knows who wrote what is in it. */
export function labelOfPath(path: string): Label {
  const inside = pathInside(path);
  const isMounted = inside === USER_FOLDERS || inside.startsWith(`${USER_FOLDERS}/`);
  if (!isMounted) return AGENT_LABEL;
  return { integrity: 'untrusted', confidentiality: 'private', origins: [`file:${inside}`] };
}
