import type { Resource } from '../../protocol/resource.ts';
import type { HttpRequestInput } from './http-request.ts';

const HANDLE = /\$CRED\{([^}]{1,128})\}/g;

/** The API or the address, and every credential whose handle stands somewhere in the request. */
export function resourcesOfRequest(input: HttpRequestInput): readonly Resource[] {
  const { url, service, headers } = input;
  const { method, bytes } = whatIsSent(input);
  const target: Resource =
    service !== undefined && url.startsWith('/')
      ? { kind: 'api', service, method, path: url }
      : { kind: 'url', url, method, bytes };
  const written = [url, JSON.stringify(headers ?? {}), input.body ?? '', JSON.stringify(input.json ?? null)].join('\n');
  const names = new Set([...written.matchAll(HANDLE)].map(([, name = '']) => name));
  return [target, ...[...names].map((name): Resource => ({ kind: 'credential', name }))];
}

/** More than an address: what a person who wrote the address did not write. */
function whatIsSent({ method, json, body, headers }: HttpRequestInput): { method: string; bytes: number } {
  const text = json === undefined ? (body ?? '') : JSON.stringify(json);
  const bytes = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(headers ?? {})) - 2;
  return { method: method ?? (text === '' ? 'GET' : 'POST'), bytes };
}
