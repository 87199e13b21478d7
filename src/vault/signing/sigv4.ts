import { createHash, createHmac } from 'node:crypto';

/**
 * AWS Signature Version 4 in the `Authorization` header. What is signed is what is sent: give the path and the query in the
 * very spelling of the request line, and send every header that comes back.
 *
 * All services but S3 encode the path once more and drop `.`, `..` and empty parts before they sign it; S3 takes it as it is
 * and wants the hash of the body as a header too.
 */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

export interface AwsRequest {
  readonly method: string;
  /** Host and port as in the `Host` header. */
  readonly host: string;
  /** Path and query as in the request line. */
  readonly target: string;
  /** Headers to sign beside `host` and `x-amz-date`; names in any case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or `unsigned` where the service allows that (S3 over https). */
  readonly body: Uint8Array | 'unsigned';
}

export interface AwsScope {
  readonly region: string;
  readonly service: string;
  readonly credentials: AwsCredentials;
  /** Unix milliseconds. */
  readonly at: number;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The headers to add to the request, `authorization` among them. Pure. */
export function signAwsRequest(request: AwsRequest, scope: AwsScope): Record<string, string> {
  const { region, service, credentials } = scope;
  const at = stampOf(scope.at);
  const payload = request.body === 'unsigned' ? 'UNSIGNED-PAYLOAD' : sha256(request.body);
  const added: Record<string, string> = { 'x-amz-date': at };
  if (service === 's3') added['x-amz-content-sha256'] = payload;
  if (credentials.sessionToken !== undefined) added['x-amz-security-token'] = credentials.sessionToken;
  const signed = sortedHeaders({ ...request.headers, ...added, host: request.host });
  const names = signed.map(([name]) => name).join(';');
  const question = request.target.indexOf('?');
  const path = question === -1 ? request.target : request.target.slice(0, question);
  const canonical = [
    request.method,
    service === 's3' ? path : canonicalPath(path),
    question === -1 ? '' : canonicalQuery(request.target.slice(question + 1)),
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    payload,
  ].join('\n');
  const day = at.slice(0, 8);
  const credentialScope = `${day}/${region}/${service}/aws4_request`;
  const text = [ALGORITHM, at, credentialScope, sha256(Buffer.from(canonical))].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<Buffer>(
    hmac,
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
  const credential = `${credentials.accessKeyId}/${credentialScope}`;
  const signature = hmac(key, text).toString('hex');
  return {
    ...added,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** `20150830T123600Z` */
function stampOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

function sortedHeaders(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')])
    .sort(byText);
}

function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const end = parts.length > 0 && /\/(?:\.{0,2})$/.test(path) ? '/' : '';
  return `/${parts.map(encode).join('/')}${end}`;
}

/** Names and values decoded, encoded strictly and sorted; `+` is not a space for AWS. */
function canonicalQuery(query: string): string {
  const pairs = query.split('&').filter((pair) => pair !== '');
  const encoded = pairs.map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    const [name, value] = equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return [encode(decode(name)), encode(decode(value))];
  });
  return encoded
    .sort(byText)
    .map((pair) => pair.join('='))
    .join('&');
}

/** By code unit, as the standard sorts; `localeCompare` would not. */
function byText(a: readonly [string, string], b: readonly [string, string]): number {
  const [x, y] = a[0] === b[0] ? [a[1], b[1]] : [a[0], b[0]];
  return x < y ? -1 : x > y ? 1 : 0;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % is signed as it stands.
    return text;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
