import { createHash, createHmac } from 'node:crypto';

/**
 * AWS Signature Version 4, as AWS documents it and its test suite checks it. Pure: the same request at the same time is
 * signed the same way. Paths are taken as they are sent; every service but S3 wants them encoded once more.
 */
export interface SigningRequest {
  readonly method: string;
  /** As it is sent: path and query already percent-encoded. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Names in any case. `host` must be among them. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | 'UNSIGNED-PAYLOAD';
}

export interface AwsCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SigningScope {
  readonly service: string;
  readonly region: string;
  readonly now: Date;
}

export interface Signed {
  readonly canonicalRequest: string;
  readonly stringToSign: string;
  readonly authorization: string;
  /** To be added to the request, beside `authorization`. */
  readonly headers: readonly (readonly [string, string])[];
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** Headers that a proxy on the way may change. */
const NEVER_SIGNED = new Set(['authorization', 'connection', 'user-agent', 'x-amzn-trace-id', 'expect']);

export function signV4(request: SigningRequest, credential: AwsCredential, scope: SigningScope): Signed {
  const timestamp = scope.now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const hash = request.body === 'UNSIGNED-PAYLOAD' ? request.body : sha256(request.body);
  const headers: [string, string][] = [['X-Amz-Date', timestamp]];
  if (credential.sessionToken !== undefined) headers.push(['X-Amz-Security-Token', credential.sessionToken]);
  if (scope.service === 's3') headers.push(['X-Amz-Content-Sha256', hash]);
  const all = canonicalHeaders([...request.headers, ...headers]);
  const signedHeaders = all.map(([name]) => name).join(';');
  const canonicalRequest = [
    request.method,
    canonicalPath(request.path, scope.service),
    canonicalQuery(request.query),
    ...all.map(([name, value]) => `${name}:${value}`),
    '',
    signedHeaders,
    hash,
  ].join('\n');
  const place = `${timestamp.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`;
  const stringToSign = [ALGORITHM, timestamp, place, sha256(canonicalRequest)].join('\n');
  const signature = hmac(signingKey(credential, timestamp.slice(0, 8), scope), stringToSign).toString('hex');
  const authorization = `${ALGORITHM} Credential=${credential.accessKeyId}/${place}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return { canonicalRequest, stringToSign, authorization, headers };
}

function signingKey({ secretAccessKey }: AwsCredential, date: string, { region, service }: SigningScope): Buffer {
  const start: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  return [date, region, service, 'aws4_request'].reduce((key, part) => hmac(key, part), start);
}

function canonicalHeaders(headers: SigningRequest['headers']): (readonly [string, string])[] {
  const byName = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (NEVER_SIGNED.has(key)) continue;
    byName.set(key, [...(byName.get(key) ?? []), value.trim().replaceAll(/ +/g, ' ')]);
  }
  return [...byName].map(([name, values]) => [name, values.join(',')] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

function canonicalPath(path: string, service: string): string {
  if (service === 's3') return path === '' ? '/' : path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(encode(part));
  }
  const end = path.length > 1 && path.endsWith('/') && parts.length > 0 ? '/' : '';
  return `/${parts.join('/')}${end}`;
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').filter((pair) => pair !== '');
  const encoded = pairs.map((pair) => {
    const equals = pair.indexOf('=');
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return [encode(decode(name)), encode(decode(value))] as const;
  });
  return encoded
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986 with AWS's list of characters that stay. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not percent-encoding: AWS takes the bytes as they are.
  }
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
