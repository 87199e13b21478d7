import type { Placement } from '../../protocol/service.ts';
import { signV4 } from './aws/sigv4.ts';

/**
 * Puts a credential into a request. Pure. Whatever the caller sent in that very place, and every other way to say who one
 * is, is taken out first: a fooled program can neither speak as somebody else to this service nor keep our own out.
 */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  /** With its question mark, or empty. */
  readonly search: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Absent: it is streamed and cannot be looked at. */
  readonly body?: Uint8Array | undefined;
}

export type Minted =
  | { readonly kind: 'token'; readonly value: string; readonly username?: string | undefined }
  | {
      readonly kind: 'aws';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
    }
  | {
      readonly kind: 'certificate';
      readonly cert: string;
      readonly key: string;
      readonly passphrase?: string | undefined;
    };

export type Placed =
  | { readonly kind: 'placed'; readonly request: Outgoing; readonly secrets: readonly string[] }
  | { readonly kind: 'impossible'; readonly reason: string };

export interface PlaceContext {
  readonly minted: Minted;
  readonly now: Date;
  /** As `Host` says it. */
  readonly authority: string;
}

/** What a proxy on the way may change is left out of a signature. */
const IS_SIGNED = /^(?:content-type|content-md5|range|x-amz-.+)$/i;
const WHO_ONE_IS = ['authorization', 'proxy-authorization', 'cookie', 'x-amz-security-token', 'x-amz-date'];

export function placeCredential(
  request: Outgoing,
  placement: Placement,
  { minted, now, authority }: PlaceContext,
): Placed {
  if (minted.kind === 'certificate' || placement.kind === 'none') return placed(without(request, WHO_ONE_IS), []);
  if (placement.kind === 'sigv4') {
    if (minted.kind !== 'aws') return impossible('only a credential of the kind aws can sign');
    return signed(request, placement, { minted, now, authority });
  }
  if (minted.kind === 'aws') return impossible('a credential of the kind aws needs the placement sigv4');
  return placeToken(request, placement, minted);
}

type Token = Extract<Minted, { kind: 'token' }>;

function placeToken(
  request: Outgoing,
  placement: Exclude<Placement, { kind: 'sigv4' | 'none' }>,
  token: Token,
): Placed {
  const bare = without(request, WHO_ONE_IS);
  switch (placement.kind) {
    case 'bearer':
      return withHeader(bare, 'Authorization', { text: `Bearer ${token.value}`, secrets: [token.value] });
    case 'header':
      return withHeader(bare, placement.name, { text: `${placement.prefix}${token.value}`, secrets: [token.value] });
    case 'basic': {
      const pair = Buffer.from(`${token.username ?? placement.username}:${token.value}`).toString('base64');
      return withHeader(bare, 'Authorization', { text: `Basic ${pair}`, secrets: [token.value, pair] });
    }
    case 'query':
      return placed({ ...bare, search: withParameter(bare.search, placement.name, token.value) }, [token.value]);
    case 'body':
      return placeInBody(bare, placement.name, token.value);
  }
}

function withHeader(request: Outgoing, name: string, { text, secrets }: { text: string; secrets: string[] }): Placed {
  if (!/^[\x20-\x7e\x80-\xff]*$/.test(text)) return impossible('its value cannot be written in a header');
  const { headers } = without(request, [name.toLowerCase()]);
  return placed({ ...request, headers: [...headers, [name, text]] }, secrets);
}

function withParameter(search: string, name: string, value: string): string {
  const kept = search
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => pair !== '' && !isNamed(pair, name));
  return `?${[...kept, `${encodeURIComponent(name)}=${encodeURIComponent(value)}`].join('&')}`;
}

function isNamed(pair: string, name: string): boolean {
  return new URLSearchParams(pair).has(name);
}

function placeInBody(request: Outgoing, name: string, value: string): Placed {
  if (request.body === undefined)
    return impossible('it is placed in the body, which only the tool http_request can do');
  const type = request.headers.find(([header]) => header.toLowerCase() === 'content-type')?.[1] ?? 'application/json';
  const text = Buffer.from(request.body).toString('utf8');
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) {
    const form = new URLSearchParams(text);
    form.set(name, value);
    return placed({ ...request, body: Buffer.from(form.toString()) }, [value]);
  }
  const object = /\bjson\b/i.test(type) ? parseObject(text === '' ? '{}' : text) : undefined;
  if (object === undefined) return impossible('its body is neither a JSON object nor a form');
  setField(object, name.split('.'), value);
  return placed({ ...request, body: Buffer.from(JSON.stringify(object)) }, [value]);
}

function setField(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
    return;
  }
  const known = Object.hasOwn(target, name) ? target[name] : undefined;
  const inner = isRecord(known) ? known : {};
  Object.defineProperty(target, name, { value: inner, enumerable: true, writable: true, configurable: true });
  setField(inner, rest, value);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // Said by the caller.
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function signed(
  request: Outgoing,
  placement: Extract<Placement, { kind: 'sigv4' }>,
  { minted, now, authority }: PlaceContext & { minted: Extract<Minted, { kind: 'aws' }> },
): Placed {
  const bare = without(request, [...WHO_ONE_IS, 'x-amz-content-sha256']);
  const body = request.body ?? (hasBody(request) ? 'UNSIGNED-PAYLOAD' : new Uint8Array());
  if (body === 'UNSIGNED-PAYLOAD' && placement.service !== 's3')
    return impossible('only S3 takes a body that was not signed; use the tool http_request');
  const query = bare.search.replace(/^\?/, '');
  const signedHeaders = [['host', authority] as const, ...bare.headers.filter(([name]) => IS_SIGNED.test(name))];
  const { method, path } = bare;
  const asked = { method, path, query, headers: signedHeaders, body } as const;
  const { authorization, headers } = signV4(asked, minted, { ...placement, now });
  const all = [...bare.headers, ...headers, ['Authorization', authorization] as const];
  const { secretAccessKey, sessionToken } = minted;
  return placed({ ...bare, headers: all }, [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])]);
}

function hasBody({ headers }: Outgoing): boolean {
  return headers.some(
    ([name, value]) => /^transfer-encoding$/i.test(name) || (/^content-length$/i.test(name) && value.trim() !== '0'),
  );
}

function without(request: Outgoing, names: readonly string[]): Outgoing {
  return { ...request, headers: request.headers.filter(([name]) => !names.includes(name.toLowerCase())) };
}

const placed = (request: Outgoing, secrets: readonly string[]): Placed => ({ kind: 'placed', request, secrets });
const impossible = (reason: string): Placed => ({ kind: 'impossible', reason });
