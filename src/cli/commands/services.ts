import { HoldfastError } from '../../protocol/error.ts';
import { type Placement, PostgresSetting, ServiceSetting } from '../../protocol/service.ts';
import { SERVICE_PRESETS } from '../../protocol/service-presets.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { servicesOf } from '../connect.ts';
import { table } from '../render/table.ts';
import type { VaultServices } from '../vault-services.ts';
import { loginToService } from './services-login.ts';

type Action = (vault: VaultServices, args: Arguments, context: CliContext) => Promise<readonly string[]>;

const ACTIONS: Readonly<Record<string, { usage: string; words: number; run: Action }>> = {
  presets: { usage: 'presets', words: 0, run: async () => presets() },
  list: { usage: 'list', words: 0, run: list },
  add: { usage: 'add <name> [--preset P] [--base-url URL] [--placement TEXT] [--allow RULES] …', words: 1, run: add },
  remove: { usage: 'remove <name>', words: 1, run: remove },
  login: { usage: 'login <name> [--device]', words: 1, run: login },
};

export const services: Command = {
  summary: 'Set up APIs that agents, their tools and programs use without seeing a key.',
  usage: '<action> …',
  flags: [
    { name: 'preset', value: 'NAME', help: 'begin with what is known of an API: holdfast services presets' },
    { name: 'base-url', value: 'URL', help: 'where the API is; the credential goes to this origin alone' },
    {
      name: 'placement',
      value: 'TEXT',
      help: 'bearer, header:NAME[:PREFIX], basic[:USER], query:NAME, body:FIELD, sigv4:SERVICE:REGION or none',
    },
    { name: 'allow', value: 'RULES', help: 'methods and paths, e.g. "GET,POST /v1/*; GET /v2/x"' },
    { name: 'credential', value: 'NAME', help: 'name of the credential (default: that of the service)' },
    { name: 'also-hosts', value: 'HOSTS', help: 'further hosts of the same API, with commas' },
    { name: 'scopes', value: 'SCOPES', help: 'scopes of a login or of a service account, with commas' },
    { name: 'postgres', value: 'USER@HOST[:PORT]/DATABASE', help: 'a PostgreSQL server instead of an API' },
    { name: 'tls', value: 'MODE', help: 'of a PostgreSQL server: verify-full (default), require or disable' },
    { name: 'device', help: 'log in with a code on another device instead of a browser here' },
  ],
  words: [1, 2],
  notes: `Actions:\n${Object.values(ACTIONS)
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}`,
  run: async (context: CliContext, args: Arguments) => {
    const [name = '', ...words] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action)
      throw new HoldfastError('bad-request', `holdfast services has no action ${JSON.stringify(name)}`, {
        remedy: `It has: ${Object.keys(ACTIONS).join(', ')}.`,
      });
    if (words.length !== action.words)
      throw new HoldfastError('bad-request', `usage: holdfast services ${action.usage}`);
    for (const line of await action.run(servicesOf(context.home), args, context)) context.print(line);
    return 0;
  },
};

function presets(): readonly string[] {
  const rows = Object.entries(SERVICE_PRESETS).map(([name, preset]) => [
    name,
    preset.title,
    preset.credential,
    preset.setting.baseUrl,
  ]);
  return [...table(rows), '', 'Add one: holdfast services add <name> --preset <preset>'];
}

async function list(vault: VaultServices): Promise<readonly string[]> {
  const all = await vault.list();
  if (all.length === 0) return ['No services. See: holdfast services presets'];
  return table(
    all.map(({ name, setting, credential, hasCredential }) => [
      name,
      setting.kind === 'postgres'
        ? `postgres ${setting.user}@${setting.host}:${setting.port}/${setting.database}`
        : setting.baseUrl,
      setting.kind === 'postgres' ? setting.tls : placementText(setting.placement),
      `credential ${credential}${hasCredential ? '' : ' (missing)'}`,
      setting.kind === 'postgres' ? '' : setting.allow.join('; '),
    ]),
  );
}

async function add(vault: VaultServices, args: Arguments): Promise<readonly string[]> {
  const name = args.words[1] ?? '';
  const preset = presetOf(args.text('preset'));
  const postgres = args.text('postgres');
  const setting = postgres === undefined ? httpSetting(args, preset) : postgresSetting(postgres, args);
  await vault.put(name, setting);
  const credential = setting.credential ?? name;
  const { hasCredential = false } = (await vault.list()).find((one) => one.name === name) ?? {};
  const kind = preset?.credential ?? (postgres === undefined ? 'value' : 'postgres');
  const enter = hasCredential
    ? []
    : [`  holdfast credentials add ${credential} --kind ${kind}${preset ? `    (from ${preset.keys})` : ''}`];
  return [
    `The service ${name} is set up. Its credential is ${credential}.`,
    'Next:',
    ...enter,
    `  holdfast credentials grant <agent> ${credential}`,
    ...(kind === 'oauth2' ? [`  holdfast services login ${name}`] : []),
    ...(setting.kind === 'postgres'
      ? []
      : [
          `  holdfast vault egress <agent> intercept ${new URL(setting.baseUrl).hostname}    (for programs in a sandbox)`,
        ]),
  ];
}

type Preset = (typeof SERVICE_PRESETS)[string];

function presetOf(name: string | undefined): Preset | undefined {
  if (name === undefined) return undefined;
  const preset = Object.hasOwn(SERVICE_PRESETS, name) ? SERVICE_PRESETS[name] : undefined;
  if (preset) return preset;
  throw new HoldfastError('bad-request', `there is no preset ${name}`, { remedy: 'See: holdfast services presets' });
}

function httpSetting(args: Arguments, preset: Preset | undefined): ServiceSetting {
  const [base, placement, credential] = [args.text('base-url'), args.text('placement'), args.text('credential')];
  const parsed = ServiceSetting.safeParse({
    ...preset?.setting,
    ...(preset === undefined ? {} : { preset: args.text('preset') }),
    ...(base === undefined ? {} : { baseUrl: base }),
    ...(placement === undefined ? {} : { placement: readPlacement(placement) }),
    ...(credential === undefined ? {} : { credential }),
    ...listOf(args, { flag: 'allow', key: 'allow', separator: ';' }),
    ...listOf(args, { flag: 'also-hosts', key: 'alsoHosts', separator: ',' }),
    ...listOf(args, { flag: 'scopes', key: 'scopes', separator: ',' }),
  });
  if (parsed.success) return parsed.data;
  throw problems(parsed.error.issues, 'Give --preset or --base-url; see holdfast services --help.');
}

function listOf(
  args: Arguments,
  { flag, key, separator }: { flag: string; key: string; separator: string },
): Record<string, string[]> {
  const parts = args
    .text(flag)
    ?.split(separator)
    .map((part) => part.trim());
  return parts === undefined ? {} : { [key]: parts.filter((part) => part !== '') };
}

function readPlacement(text: string): unknown {
  const [kind = '', first, ...rest] = text.split(':');
  const second = rest.join(':');
  if (kind === 'header') return { kind, name: first ?? '', prefix: second };
  if (kind === 'basic') return { kind, username: first ?? '' };
  if (kind === 'query' || kind === 'body') return { kind, name: first ?? '' };
  if (kind === 'sigv4') return { kind, service: first ?? '', region: second };
  return { kind };
}

function placementText(placement: Placement): string {
  switch (placement.kind) {
    case 'header':
      return `header ${placement.name}`;
    case 'query':
    case 'body':
      return `${placement.kind} ${placement.name}`;
    case 'sigv4':
      return `sigv4 ${placement.service} ${placement.region}`;
    default:
      return placement.kind;
  }
}

function postgresSetting(text: string, args: Arguments): PostgresSetting {
  const match = /^([^@/]+)@(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/(.+)$/.exec(text);
  const parsed = PostgresSetting.safeParse({
    kind: 'postgres',
    user: match?.[1],
    host: match?.[2]?.replace(/^\[|\]$/g, ''),
    ...(match?.[3] === undefined ? {} : { port: Number(match[3]) }),
    database: match?.[4],
    ...(args.text('tls') === undefined ? {} : { tls: args.text('tls') }),
    ...(args.text('credential') === undefined ? {} : { credential: args.text('credential') }),
  });
  if (parsed.success) return parsed.data;
  throw problems(parsed.error.issues, 'Write it as user@host:5432/database.');
}

function problems(issues: readonly { path: readonly PropertyKey[]; message: string }[], remedy: string): HoldfastError {
  const text = issues.map(({ path, message }) => `${path.map(String).join('.') || 'service'}: ${message}`).join('; ');
  return new HoldfastError('bad-request', text, { remedy });
}

async function remove(vault: VaultServices, { words }: Arguments): Promise<readonly string[]> {
  const name = words[1] ?? '';
  await vault.remove(name);
  return [`The service ${name} is gone. Its credential is still there: holdfast credentials list`];
}

function login(vault: VaultServices, args: Arguments, context: CliContext): Promise<readonly string[]> {
  return loginToService(vault, { name: args.words[1] ?? '', device: args.has('device'), context });
}
