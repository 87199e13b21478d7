/**
 * The first process of a container: a shell of the image. It says that it is there and what its mounts really are, waits
 * at its input for the one command it will run, runs it and reaps orphans. When it ends the kernel ends all others in
 * the container; when the host dies first, its input ends and so does it.
 *
 * What the command is comes as shell text of a length that was said before, with every word in single quotes; what
 * follows in the input is the command's own.
 */
import { HoldfastError } from '../../protocol/error.ts';
import type { Command } from '../launcher.ts';

export const READY = 'holdfast: ready';

/** The arguments are the places inside whose identity is printed, one `device:inode` a line. */
const FIRST = `stat -c %d:%i -- "$@" || exit 1
echo '${READY}'
read -r size || exit 0
eval "$(head -c "$size")"
"$@"
exit $?`;
export const INIT = ['sh', '-c', FIRST, 'holdfast'] as const;

/** Answered when the command's folder is not there. */
const NO_FOLDER_CODE = 126;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What the first process reads. Throws on what no program could be given. */
export function orderOf(command: Command): Buffer {
  const { argv, cwd, env = {} } = command;
  const exports = Object.entries(env).map(([name, value]) => `export ${checkName(name)}=${quote(value)}`);
  const folder = cwd === undefined ? [] : [`cd -- ${quote(cwd)} || exit ${NO_FOLDER_CODE}`, 'unset OLDPWD'];
  const text = [...folder, `unset size`, ...exports, `set -- ${argv.map(quote).join(' ')}`, ''].join('\n');
  return Buffer.concat([Buffer.from(`${Buffer.byteLength(text)}\n`), Buffer.from(text)]);
}

function quote(text: string): string {
  if (text.includes('\0')) throw new HoldfastError('bad-request', 'A command holds a NUL byte.');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function checkName(name: string): string {
  if (!VARIABLE.test(name))
    throw new HoldfastError('bad-request', `The environment variable "${name}" has a name that no shell can set.`);
  return name;
}
