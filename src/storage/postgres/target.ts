import { HoldfastError } from '../../protocol/error.ts';

/** Where a PostgreSQL database is and how to get in. The password travels apart from the URL, so that no log can show it. */
export interface PostgresTarget {
  /** `postgres://user@host:port/database`, or with `?host=/directory` for a unix socket. */
  readonly url: string;
  readonly password?: string | undefined;
}

const SCHEME = /^postgres(ql)?:\/\//;

/** The URL as it may be shown: without a password and without parameters. */
export function placeOf({ url }: PostgresTarget): string {
  if (!SCHEME.test(url)) throw badUrl();
  return url.replace(/\?.*$/s, '').replace(/^([a-z]+:\/\/)([^/@:]*):[^@]*@/, '$1$2@');
}

/**
 * What the driver is given. It takes password and session settings (`-c name=value`) out of the parameters, whatever the
 * form of the URL; settings that the URL brings stay, ours come after them.
 */
export function connectionString(target: PostgresTarget, settings = ''): string {
  if (!SCHEME.test(target.url)) throw badUrl();
  const at = target.url.indexOf('?');
  const parameters = new URLSearchParams(at < 0 ? '' : target.url.slice(at + 1));
  if (target.password !== undefined) parameters.set('password', target.password);
  if (settings !== '') parameters.set('options', `${parameters.get('options') ?? ''} ${settings}`.trim());
  return `${at < 0 ? target.url : target.url.slice(0, at)}?${parameters}`;
}

function badUrl(): HoldfastError {
  return new HoldfastError('config.invalid', 'The address of the PostgreSQL database is no postgres:// URL.', {
    remedy: 'Write it as postgres://user@host:5432/database.',
  });
}
