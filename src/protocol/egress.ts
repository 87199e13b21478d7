import { z } from 'zod';

/**
 * What a sandbox may reach, in one grammar for the owner's rules, the command line and worker templates. A place is
 *
 *   a preset             npm
 *   a host               example.org            http on 80 and https on 443
 *                        *.example.org:8443     every name below example.org, on that port
 *                        [2606:4700::1111]:80
 *   with a scheme        https://example.org    http://example.org:8080
 *   in parts             GET,HEAD@http://example.org/pub/*
 *
 * Everything that no place names is denied. Inside https only the host and the port can be seen, unless the owner lets the
 * vault look into it; so a method or a path of https is refused where the rule is written (`partsOfHttps`), and not
 * silently ignored where it would matter.
 */
export interface EgressRule {
  /** Canonical: lower case, no trailing dot, no brackets. `*.` in front stands for every name below. */
  readonly host: string;
  /** Absent: the port that the scheme has by default. */
  readonly port?: number;
  /** Absent: both. */
  readonly scheme?: 'http' | 'https';
  readonly methods?: readonly string[];
  /** Whole path, or its beginning when it ends in `*`. */
  readonly path?: string;
}

/** No host of any network: model calls of programs in a sandbox, served by the vault itself. The place `models` stands for it. */
export const MODELS_HOST = 'models.holdfast.internal';
/** Formats in which a program may ask, by the name of the vendor whose SDK it uses. */
export const MODEL_ALIASES = ['openai', 'anthropic', 'google'] as const;
export type ModelAlias = (typeof MODEL_ALIASES)[number];

/** Named sets of hosts, as their projects document them. */
export const EGRESS_PRESETS: Readonly<Record<string, readonly string[]>> = {
  models: [`http://${MODELS_HOST}`],
  npm: ['https://registry.npmjs.org'],
  pypi: ['https://pypi.org', 'https://files.pythonhosted.org'],
  debian: ['deb.debian.org', 'security.debian.org', 'snapshot.debian.org'],
  github: [
    'https://github.com',
    'https://api.github.com',
    'https://codeload.github.com',
    'https://raw.githubusercontent.com',
    'https://objects.githubusercontent.com',
    'https://release-assets.githubusercontent.com',
  ],
};

const PLACE = /^(?:([A-Z]+(?:,[A-Z]+)*)@)?(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:@[\]]+)(?::(\d{1,5}))?(\/.*)?$/;
const NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const ADDRESS = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const LOOKS_LIKE_ADDRESS = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;
const PATH = /^\/[\x21-\x7e]{0,999}$/;
const UNCLEAR_PATH = /%(?:2e|2f|5c|25|00)|\.\.|[\\;#?]|\*./i;

/** The rules that a place stands for, or what is wrong with it. */
export function readPlace(text: string): readonly EgressRule[] | string {
  if (Object.hasOwn(EGRESS_PRESETS, text)) {
    return (EGRESS_PRESETS[text] ?? []).flatMap((place) => {
      const rules = readPlace(place);
      return typeof rules === 'string' ? [] : rules;
    });
  }
  const match = text.length <= 1_300 ? PLACE.exec(text) : null;
  if (match === null)
    return `${quoted(text)} is neither host[:port] nor one of ${Object.keys(EGRESS_PRESETS).join(', ')}`;
  const [, methods, scheme, name = '', portText, path] = match;
  const host = name
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const port = portText === undefined ? undefined : Number(portText);
  const problem = hostProblem(host, name.startsWith('[')) ?? partsProblem({ methods, scheme, port, path });
  if (problem !== undefined) return `${quoted(text)}: ${problem}`;
  return [
    {
      host,
      ...(port === undefined ? {} : { port }),
      ...(scheme === 'http' || scheme === 'https' ? { scheme } : {}),
      ...(methods === undefined ? {} : { methods: methods.split(',') }),
      ...(path === undefined || path === '/*' ? {} : { path }),
    },
  ];
}

function hostProblem(host: string, bracketed: boolean): string | undefined {
  if (bracketed) return undefined;
  if (host.length > 253 || !NAME.test(host)) return 'that is not a host name (write an international name as xn--…)';
  if (LOOKS_LIKE_ADDRESS.test(host) && !ADDRESS.test(host)) return 'write the address as four decimal numbers';
  if (host.startsWith('*.') && !host.slice(2).includes('.')) return 'a * must be below a name of at least two parts';
  return undefined;
}

interface Parts {
  readonly methods: string | undefined;
  readonly scheme: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
}

function partsProblem({ methods, scheme, port, path }: Parts): string | undefined {
  if (port !== undefined && (port < 1 || port > 65_535)) return `${port} is not a port`;
  if ((methods !== undefined || path !== undefined) && scheme === undefined)
    return 'a method or a path needs the scheme: write http://… or https://…';
  if (path !== undefined && (!PATH.test(path) || UNCLEAR_PATH.test(path)))
    return 'the path must be plain: no .., no %2f and the like, no query, and a * only at its end';
  return undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

/** The rules of all places; those that are not valid are left out (a schema refused them before). */
export function rulesOf(places: readonly string[]): readonly EgressRule[] {
  return places.flatMap((place) => {
    const rules = readPlace(place);
    return typeof rules === 'string' ? [] : rules;
  });
}

/** Whether a rule tells a method or a path inside https, which only interception can see. */
export function partsOfHttps(rule: EgressRule): boolean {
  return rule.scheme === 'https' && (rule.methods !== undefined || rule.path !== undefined);
}

/** A place where nobody says what is intercepted: nothing that would need it. */
export const EgressPlace = z.string().superRefine((text, context) => {
  const rules = readPlace(text);
  if (typeof rules === 'string') context.addIssue({ code: 'custom', message: rules });
  else if (rules.some(partsOfHttps))
    context.addIssue({
      code: 'custom',
      message: `${quoted(text)}: a method or a path inside https is not seen here; leave it out, and let the owner's rules narrow it`,
    });
});

/** A place in the owner's rules. */
const OwnerPlace = z.string().superRefine((text, context) => {
  const rules = readPlace(text);
  if (typeof rules === 'string') context.addIssue({ code: 'custom', message: rules });
});

/** A host whose https is looked into: `host[:port]`, `*.host`. */
const InterceptPlace = z.string().superRefine((text, context) => {
  const rules = readPlace(text);
  if (typeof rules === 'string') context.addIssue({ code: 'custom', message: rules });
  else if (/[/@]/.test(text) || Object.hasOwn(EGRESS_PRESETS, text))
    context.addIssue({ code: 'custom', message: `${quoted(text)}: give a host, host:port or *.host` });
});

const HTTPS_PORT = 443;

/** Whether https to this host and port is looked into. */
export function isIntercepted(
  place: { readonly host: string; readonly port: number },
  rules: readonly EgressRule[],
): boolean {
  return rules.some(
    (rule) =>
      (rule.host.startsWith('*.')
        ? place.host.length > rule.host.length - 1 && place.host.endsWith(rule.host.slice(1))
        : rule.host === place.host) && (rule.port ?? HTTPS_PORT) === place.port,
  );
}

/** Whether all that a rule names is looked into. */
function isRuleIntercepted(rule: EgressRule, intercepted: readonly EgressRule[]): boolean {
  const sameName = intercepted.some(
    (one) => one.host === rule.host && (one.port ?? HTTPS_PORT) === (rule.port ?? HTTPS_PORT),
  );
  if (sameName) return true;
  const host = rule.host.startsWith('*.') ? `x${rule.host.slice(1)}` : rule.host;
  const isWild = intercepted.filter((one) => one.host.startsWith('*.'));
  return isIntercepted({ host, port: rule.port ?? HTTPS_PORT }, isWild);
}

/** Walls of one sandbox's way out. */
export const EgressLimits = z.strictObject({
  /** Bytes of one connection, both directions together. */
  connectionBytes: z.number().int().positive().default(2_147_483_648),
  /** Bytes of one run. */
  runBytes: z.number().int().positive().default(8_589_934_592),
  /** How long one connection may last. */
  connectionMs: z.number().int().positive().max(86_400_000).default(3_600_000),
  /** How long a connection may be silent. */
  idleMs: z.number().int().positive().max(3_600_000).default(120_000),
});
export type EgressLimits = z.infer<typeof EgressLimits>;

/** `PUT /egress-rules/:agent` (owner): replaces what this agent's sandboxes may reach. A `deny` beats every `allow`. */
export const EgressRules = z
  .strictObject({
    allow: z.array(OwnerPlace).max(500).default([]),
    deny: z.array(OwnerPlace).max(500).default([]),
    /** Hosts whose https the vault looks into: for rules by method and path, and to put credentials in. */
    intercept: z.array(InterceptPlace).max(200).default([]),
    limits: EgressLimits.prefault({}),
  })
  .superRefine((rules, context) => {
    const intercepted = rulesOf(rules.intercept);
    for (const list of ['allow', 'deny'] as const)
      for (const [index, place] of rules[list].entries())
        if (rulesOf([place]).some((rule) => partsOfHttps(rule) && !isRuleIntercepted(rule, intercepted)))
          context.addIssue({
            code: 'custom',
            path: [list, index],
            message: `${quoted(place)}: inside https a method or a path is seen only where the vault looks into it; first: holdfast vault egress <agent> intercept ${rulesOf([place])[0]?.host ?? ''}`,
          });
  });
export type EgressRules = z.infer<typeof EgressRules>;

/** `POST /egress-doors` (host): the way out of one run's sandbox. Asking again for the same run gives the same door. */
export const EgressDoorRequest = z.strictObject({
  agent: z.string(),
  run: z.string().regex(/^[\x21-\x7e]{1,200}$/),
  /** Narrows what the agent's rules allow; absent: does not. */
  only: z.array(EgressPlace).max(500).optional(),
});
export type EgressDoorRequest = z.infer<typeof EgressDoorRequest>;

export const EgressDoor = z.object({
  socketPath: z.string(),
  /** Formats in which the door serves models. */
  models: z.array(z.enum(MODEL_ALIASES)).optional(),
  /** In PEM, when the vault looks into some of this agent's https: the sandbox has to believe it. */
  authority: z.string().optional(),
  /** Databases that this agent may use: a port on loopback inside, and the name by which the vault knows it. */
  forwards: z
    .array(
      z.object({
        service: z.string(),
        port: z.number().int(),
        host: z.string(),
        user: z.string(),
        database: z.string(),
      }),
    )
    .optional(),
});
export type EgressDoor = z.infer<typeof EgressDoor>;

/** `GET /egress-doors` (host): the runs that have one. */
export const EgressDoorList = z.object({ runs: z.array(z.string()) });

/** One connection of a sandbox. `open` until it ends. */
export const EgressConnection = z.object({
  id: z.number(),
  agent: z.string(),
  run: z.string(),
  scheme: z.string(),
  host: z.string(),
  port: z.number(),
  /** Of plain http, and of https that was looked into; else empty. */
  method: z.string(),
  path: z.string(),
  /** Whose credential went along; else empty. */
  service: z.string(),
  verdict: z.enum(['open', 'done', 'denied', 'failed', 'cut']),
  reason: z.string(),
  /** Of a denial: the place that the owner could open for this task; else empty. */
  ask: z.string(),
  bytesUp: z.number(),
  bytesDown: z.number(),
  startedAt: z.number(),
  finishedAt: z.number().nullable(),
});
export type EgressConnection = z.infer<typeof EgressConnection>;

/** `GET /egress-denials?run=…&after=…` (host): what was refused since, with the sentence that tells how to allow it. */
export const EgressDenials = z.object({
  denials: z.array(z.object({ id: z.number(), message: z.string() })),
  /** How many connections of the run got through, ever. */
  connections: z.number(),
  /** Give it as `after` the next time. */
  last: z.number(),
});
export type EgressDenials = z.infer<typeof EgressDenials>;
