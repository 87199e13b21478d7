import { readFile, stat } from 'node:fs/promises';
import { HoldfastError } from '../../protocol/error.ts';

/**
 * The password for a URL out of a file in the format of PostgreSQL's own PGPASSFILE: lines of
 * `host:port:database:user:password`, `*` for any, `\` before a `:` or `\` that is meant. The first line that fits
 * counts. A file that others may read is refused, as PostgreSQL does.
 */
export async function readPasswordFile(path: string, url: string): Promise<string> {
  const wanted = partsOf(url);
  for (const line of (await readPrivate(path)).split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = (line.match(/(?:\\.|[^:\\])*(?::|$)/g) ?? []).map((field) => field.replace(/:$/, ''));
    const [password] = fields.slice(4);
    if (password === undefined) continue;
    const fits = wanted.every((value, index) => fields[index] === '*' || unescaped(fields[index]) === value);
    if (fits) return unescaped(password);
  }
  throw new HoldfastError('config.invalid', `${path} has no line for ${wanted.join(':')}.`, {
    remedy: `Add one: ${wanted.join(':')}:<the password>`,
  });
}

/** Host, port, database and user. PostgreSQL's programs call a unix socket `localhost` here. */
function partsOf(url: string): readonly string[] {
  const match = /^[a-z]+:\/\/(?:([^@/?:]*)@)?(\[[^\]]*\]|[^/:?]*)(?::(\d+))?(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (match === null) throw new HoldfastError('config.invalid', 'database.url is no postgres:// URL.');
  const [, user = '', host = '', port = '5432', database = '', query = ''] = match;
  const parameters = new URLSearchParams(query);
  const shown = parameters.get('host') ?? decodeURIComponent(host);
  const name = decodeURIComponent(user);
  return [
    shown === '' || shown.startsWith('/') ? 'localhost' : shown.replace(/^\[(.*)\]$/, '$1'),
    parameters.get('port') ?? port,
    decodeURIComponent(database) || name,
    name,
  ];
}

const unescaped = (field: string | undefined): string => (field ?? '').replace(/\\(.)/g, '$1');

async function readPrivate(path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw openToOthers(path);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError('config.unreadable', `The password file ${path} cannot be read.`, {
      remedy: 'Check database.passwordFile in config.json.',
      cause: error,
    });
  }
}

function openToOthers(path: string): HoldfastError {
  return new HoldfastError('config.invalid', `The password file ${path} can be read by others.`, {
    remedy: `chmod 600 ${path}`,
  });
}
