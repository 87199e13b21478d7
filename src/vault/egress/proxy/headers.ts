import type { IncomingMessage } from 'node:http';

/** Headers that belong to one connection and never go on to the next. */
const OF_ONE_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/** Name, value, name, value …, as they came, without those of the hop and without `also`. */
export function endToEndHeaders(message: IncomingMessage, also: readonly string[] = []): string[] {
  const named = (message.headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const dropped = new Set([...OF_ONE_HOP, ...also, ...named]);
  const kept: string[] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? '';
    if (!dropped.has(name.toLowerCase())) kept.push(name, message.rawHeaders[i + 1] ?? '');
  }
  return kept;
}
