import { VERSION } from '../../../base/version.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Outgoing } from '../place-credential.ts';

/** Headers that frame a request or belong to a connection; they are ours to write. */
const OURS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'accept-encoding',
]);
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;
const MOST = 60;

/** The caller's headers, checked, and ours: what comes back must be unpackable. */
export function requestHeaders(given: Readonly<Record<string, string>>): Outgoing['headers'] {
  const entries = Object.entries(given);
  if (entries.length > MOST) throw bad(`${entries.length} headers; ${MOST} are allowed`);
  for (const [name, value] of entries) {
    if (!NAME.test(name)) throw bad(`${JSON.stringify(name.slice(0, 64))} is not the name of a header`);
    if (!VALUE.test(value)) throw bad(`the value of the header ${name} has characters that no header may have`);
  }
  const kept = entries.filter(([name]) => !OURS.has(name.toLowerCase()));
  const has = (name: string): boolean => kept.some(([one]) => one.toLowerCase() === name);
  return [
    ...kept,
    ...(has('user-agent') ? [] : [['user-agent', `holdfast/${VERSION}`] as const]),
    ...(has('accept') ? [] : [['accept', '*/*'] as const]),
    ['accept-encoding', 'gzip, deflate, br'] as const,
  ];
}

function bad(problem: string): HoldfastError {
  return new HoldfastError('bad-request', `The request cannot be sent: ${problem}.`);
}
