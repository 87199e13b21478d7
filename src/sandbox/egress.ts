/**
 * A sandbox's way out: one socket of the vault, mounted at a fixed path, and what makes it a proxy on loopback for ordinary
 * programs. The forwarder is an ordinary program too, started before each command and gone with it; it is not trusted with
 * anything: a command could as well use the socket itself, and all that is refused is refused behind it.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { HoldfastError } from '../protocol/error.ts';
import type { Forward } from './launcher.ts';

/** Where the socket is inside. */
export const EGRESS_SOCKET_INSIDE = '/run/holdfast/egress.sock';
/** Where the certificates are inside that the programs believe. */
export const TRUST_FILE_INSIDE = '/run/holdfast/trust.pem';
export const EGRESS_PORT = 3_128;
const EGRESS_URL = `http://127.0.0.1:${EGRESS_PORT}`;
export const FORWARDER = 'socat';
export const FORWARDER_REMEDY =
  'Install it: apt-get install socat. Without `egress` in the worker template it is not needed.';

const O_PATH = 0o10000000;
const NOT_PROXIED = 'localhost,127.0.0.1,::1';

/** What makes curl, git, npm, pip, apt, Node, Go and their like use the proxy. Servers inside the sandbox stay direct. */
export const EGRESS_ENV: Readonly<Record<string, string>> = {
  HTTP_PROXY: EGRESS_URL,
  HTTPS_PROXY: EGRESS_URL,
  ALL_PROXY: EGRESS_URL,
  NO_PROXY: NOT_PROXIED,
  http_proxy: EGRESS_URL,
  https_proxy: EGRESS_URL,
  all_proxy: EGRESS_URL,
  no_proxy: NOT_PROXIED,
  npm_config_proxy: EGRESS_URL,
  npm_config_https_proxy: EGRESS_URL,
  npm_config_noproxy: NOT_PROXIED,
  NODE_USE_ENV_PROXY: '1',
};

/**
 * What makes OpenSSL, curl, git, npm, pip, Node, Go, Deno, cargo and the AWS tools believe the file. All of these replace
 * what a program would believe otherwise, except Node's, so the file holds the system's authorities too.
 */
export const TRUST_ENV: Readonly<Record<string, string>> = {
  SSL_CERT_FILE: TRUST_FILE_INSIDE,
  CURL_CA_BUNDLE: TRUST_FILE_INSIDE,
  GIT_SSL_CAINFO: TRUST_FILE_INSIDE,
  NODE_EXTRA_CA_CERTS: TRUST_FILE_INSIDE,
  npm_config_cafile: TRUST_FILE_INSIDE,
  REQUESTS_CA_BUNDLE: TRUST_FILE_INSIDE,
  PIP_CERT: TRUST_FILE_INSIDE,
  AWS_CA_BUNDLE: TRUST_FILE_INSIDE,
  DENO_CERT: TRUST_FILE_INSIDE,
  CARGO_HTTP_CAINFO: TRUST_FILE_INSIDE,
};

/** A plain file, no link; the caller closes the descriptor. */
export function openTrustFile(path: string): number {
  const descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new HoldfastError('forbidden', `${path} is not a file.`, { details: { path } });
}

const FORWARD_HOST = /^[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$/;

/** For the script that starts the forwarders: `port/port in hexadecimal/host:port`, with spaces between. Ours alone. */
export function forwardWords(forwards: readonly Forward[]): string {
  return forwards
    .map(({ port, host }) => {
      if (!Number.isInteger(port) || port < 1_024 || port > 65_535 || port === EGRESS_PORT || !FORWARD_HOST.test(host))
        throw new HoldfastError('bad-request', `The sandbox cannot have a forward from ${port} to ${host}.`);
      return `${port}/${hexPort(port)}/${host}:${port}`;
    })
    .join(' ');
}

/** As /proc/net/tcp writes it. */
export function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

/** Opens the socket file for one command; the caller closes the descriptor. Nothing but a socket, and no link, is taken. */
export function openEgressSocket(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    throw new HoldfastError(
      'sandbox.failed',
      'the way out of this sandbox is not there: the vault is down, or it was closed',
      {
        remedy: 'It comes back with the vault; see `holdfast status`.',
        retryable: true,
        cause: error,
      },
    );
  }
  if (fstatSync(descriptor).isSocket()) return descriptor;
  closeSync(descriptor);
  throw new HoldfastError('forbidden', `${path} is not a socket.`, { details: { path } });
}
