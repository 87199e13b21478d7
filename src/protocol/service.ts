import { z } from 'zod';
import { CredentialName } from './credential.ts';
import { readPlace } from './egress.ts';

/**
 * A named service: one API, and how the vault puts a credential into requests to it. A credential is sent only to the
 * origin of its service and with the methods and paths listed here, for agents that were granted it; where it is put is
 * the owner's choice, never the caller's.
 *
 * Routes of the vault. Owner's socket: `GET /services`, `PUT`/`DELETE /services/:name`, `POST /services/:name/login`,
 * `POST /services/:name/login/finish`. Host's socket too: `GET /services?agent=…` (what that agent may use: no value, no
 * name of a credential), `POST /service-requests`.
 */
export const ServiceName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/, 'use 1 to 48 of a-z 0-9 and -, not at its ends');

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'that is not a header name');
const Field = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'use 1 to 128 visible ASCII characters');

/** Headers that say where a request goes or how long it is; a credential is never one of them. */
const FRAMING_HEADERS = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'expect'];

export const Placement = z.discriminatedUnion('kind', [
  /** `Authorization: Bearer …`. */
  z.strictObject({ kind: z.literal('bearer') }),
  z.strictObject({
    kind: z.literal('header'),
    name: HeaderName.refine((name) => !FRAMING_HEADERS.includes(name.toLowerCase()), 'that header frames the request'),
    prefix: z.string().max(64).default(''),
  }),
  /** The value is the password of this user; a credential with a user name of its own uses that. */
  z.strictObject({ kind: z.literal('basic'), username: z.string().max(256).default('') }),
  z.strictObject({ kind: z.literal('query'), name: Field }),
  /** A field of a JSON object or of a form in the body; dots go into nested objects. `http_request` alone. */
  z.strictObject({ kind: z.literal('body'), name: Field }),
  /** AWS Signature Version 4. */
  z.strictObject({ kind: z.literal('sigv4'), service: Field, region: Field }),
  /** The credential is the connection's own: a client certificate. */
  z.strictObject({ kind: z.literal('none') }),
]);
export type Placement = z.infer<typeof Placement>;

/** `GET,POST /v1/*`, `/v1/users`: methods (absent: all) and a whole path, or its beginning when it ends in `*`. */
const RULE = /^(?:([A-Z]+(?:,[A-Z]+)*) )?(\/[\x21-\x7e]{0,999})$/;
const UNCLEAR_PATH = /%(?:2e|2f|5c|25|00)|\.\.|[\\;#?]|\*./i;

export interface ServiceRule {
  readonly methods?: readonly string[];
  readonly path: string;
}

/** The rule that a text stands for, or what is wrong with it. */
export function readServiceRule(text: string): ServiceRule | string {
  const match = RULE.exec(text);
  const path = match?.[2];
  if (path === undefined) return `${JSON.stringify(text.slice(0, 200))} is not like "GET,POST /v1/*"`;
  if (UNCLEAR_PATH.test(path))
    return 'the path must be plain: no .., no %2f and the like, no query, and a * only at its end';
  return match?.[1] === undefined ? { path } : { methods: match[1].split(','), path };
}

const HostPlace = z.string().superRefine((text, context) => {
  const rules = readPlace(text);
  const plain = typeof rules !== 'string' && rules.length === 1 && /^[^/@]+$/.test(text);
  if (!plain)
    context.addIssue({
      code: 'custom',
      message: typeof rules === 'string' ? rules : 'give a host, host:port or *.host',
    });
});

const ServiceRuleText = z.string().superRefine((text, context) => {
  const rule = readServiceRule(text);
  if (typeof rule === 'string') context.addIssue({ code: 'custom', message: rule });
});

/** `PUT /services/:name` (owner). */
export const ServiceSetting = z
  .strictObject({
    kind: z.literal('http').default('http'),
    baseUrl: z.url({ protocol: /^https?$/ }),
    /** Which requests may carry the credential, by their whole path. Empty: all below the base URL, and all of `alsoHosts`. */
    allow: z.array(ServiceRuleText).max(100).default([]),
    placement: Placement.default({ kind: 'bearer' }),
    /** Name of the credential; absent: that of the service. */
    credential: CredentialName.optional(),
    /** Further hosts of the same API to which the credential is bound as well: `host[:port]`, `*.host`. */
    alsoHosts: z.array(HostPlace).max(16).default([]),
    /** Scopes that minted tokens ask for (OAuth, Google). */
    scopes: z.array(z.string().min(1).max(300)).max(64).default([]),
    preset: z.string().optional(),
  })
  .superRefine((setting, context) => {
    if (!/^https?:\/\/[^/?#@\\]+(?:\/[^?#]*)?$/i.test(setting.baseUrl))
      context.addIssue({ code: 'custom', path: ['baseUrl'], message: 'leave out user, password, query and fragment' });
  });
export type ServiceSetting = z.infer<typeof ServiceSetting>;
export type ServiceInput = z.input<typeof ServiceSetting>;

/** `PUT /services/:name` (owner) for a PostgreSQL server: programs in a sandbox connect without a password. */
export const PostgresSetting = z.strictObject({
  kind: z.literal('postgres'),
  host: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535).default(5_432),
  database: z.string().min(1).max(63),
  user: z.string().min(1).max(63),
  /** `require`: encrypted, whoever answers. `verify-full`: the certificate is checked too. `disable`: only on this machine. */
  tls: z.enum(['verify-full', 'require', 'disable']).default('verify-full'),
  credential: CredentialName.optional(),
});
export type PostgresSetting = z.infer<typeof PostgresSetting>;

export const AnyServiceSetting = z.union([PostgresSetting, ServiceSetting]);
export type AnyServiceSetting = z.infer<typeof AnyServiceSetting>;

/** What the owner sees. */
export const ServiceView = z.object({
  name: ServiceName,
  setting: AnyServiceSetting,
  credential: z.string(),
  hasCredential: z.boolean(),
});
export type ServiceView = z.infer<typeof ServiceView>;

/** What an agent may know of a service that it may use. */
export const ServiceOffer = z.object({
  name: ServiceName,
  kind: z.enum(['http', 'postgres']),
  /** Base URL, or `host:port/database` inside the sandbox. */
  address: z.string(),
  handle: z.string(),
  allow: z.array(z.string()),
});
export type ServiceOffer = z.infer<typeof ServiceOffer>;

export const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** `POST /service-requests` (host): one request on an agent's behalf, behind the SSRF wall. */
export const ServiceRequest = z.strictObject({
  agent: z.string(),
  run: z.string().optional(),
  /** With it `url` is a path below the service's base URL, and the credential is put in. */
  service: ServiceName.optional(),
  url: z.string().min(1).max(16_000),
  method: z.enum(HTTP_METHODS).default('GET'),
  headers: z.record(z.string(), z.string()).default({}),
  /** Text of the body. */
  body: z.string().max(8_388_608).optional(),
  maxBytes: z.number().int().positive().max(52_428_800).default(5_242_880),
  timeoutMs: z.number().int().positive().max(300_000).default(60_000),
});
export type ServiceRequest = z.infer<typeof ServiceRequest>;
export type ServiceRequestInput = z.input<typeof ServiceRequest>;

/** The answer's head comes in `x-holdfast-fetch` (base64url JSON of this), the body as raw bytes, unpacked and scanned. */
export const ServiceResponseHead = z.object({
  status: z.number(),
  finalUrl: z.string(),
  contentType: z.string(),
  truncated: z.boolean(),
  headers: z.record(z.string(), z.string()),
  /** Service whose credential went with the last hop. */
  service: z.string().nullable(),
  /** How many copies of secrets were taken out of the answer. */
  redacted: z.number(),
});
export type ServiceResponseHead = z.infer<typeof ServiceResponseHead>;

/** `POST /services/:name/login` (owner): begins an OAuth login. */
export const LoginRequest = z.discriminatedUnion('flow', [
  z.strictObject({ flow: z.literal('device') }),
  /** The owner's machine listens on this loopback port for the browser to come back. */
  z.strictObject({ flow: z.literal('code'), redirectPort: z.number().int().min(1).max(65_535) }),
]);
export type LoginRequest = z.infer<typeof LoginRequest>;

export const LoginStart = z.discriminatedUnion('flow', [
  z.object({
    flow: z.literal('device'),
    loginId: z.string(),
    userCode: z.string(),
    verificationUri: z.string(),
    verificationUriComplete: z.string().optional(),
    intervalMs: z.number(),
    expiresAt: z.number(),
  }),
  z.object({ flow: z.literal('code'), loginId: z.string(), authorizationUrl: z.string(), expiresAt: z.number() }),
]);
export type LoginStart = z.infer<typeof LoginStart>;

/** `POST /services/:name/login/finish` (owner): asks again for a device login, or hands in what the browser brought. */
export const LoginFinish = z.strictObject({
  loginId: z.string(),
  code: z.string().max(4_096).optional(),
  state: z.string().max(512).optional(),
});
export type LoginFinish = z.infer<typeof LoginFinish>;

export const LoginResult = z.object({ state: z.enum(['pending', 'done']), intervalMs: z.number().optional() });
export type LoginResult = z.infer<typeof LoginResult>;
