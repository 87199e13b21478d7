/**
 * What our processes inherit. An allow list: the user's shell often holds provider keys and tokens, and nothing of that
 * may reach the host, from where a fooled agent could try to read it.
 */
const EVERYONE = [
  'HOLDFAST_MAX_AGENTS',
  'HOLDFAST_MAX_TEAMS',
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
];
/** The vault alone talks to the outside: certificates, proxies and the desktop's keychain are its business. */
const VAULT = [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'DBUS_SESSION_BUS_ADDRESS',
];

/** glibc would keep freed memory apart for each of a process's ten threads. */
const LEAN = { MALLOC_ARENA_MAX: '2' };

type Environment = Readonly<Record<string, string | undefined>>;

export function environmentFor(
  process: 'vault' | 'host' | 'simulator' | 'supervisor',
  env: Environment,
): NodeJS.ProcessEnv {
  const widened = process === 'vault' || process === 'supervisor';
  const allowed = new Set(widened ? [...EVERYONE, ...VAULT] : EVERYONE);
  const inherited = Object.entries(env).filter(([name]) => allowed.has(name) || name.startsWith('LC_'));
  return { ...Object.fromEntries(inherited), ...LEAN };
}
