import { z } from 'zod';
import { AuditConfig } from './audit.ts';
import { isClean, revealText } from './clean-text.ts';
import { Floor, UnattendedPolicy } from './policy-rule.ts';
import { CHAIN_PREFIX, ModelRef } from './provider.ts';
import { RateLimits } from './rate-limits.ts';
import { RunLimits } from './run.ts';

/** Sandbox limits. All are enforced by the kernel where it lets us, else by a watchdog and then called soft. */
export const SandboxLimits = z.strictObject({
  memoryBytes: z.number().int().min(16_777_216).default(1_073_741_824),
  /** CPU time per wall time, 1 = one core. */
  cpus: z.number().min(0.05).max(256).default(1),
  processes: z.number().int().min(8).max(32_768).default(256),
  fileSizeBytes: z.number().int().min(1_048_576).default(1_073_741_824),
  openFiles: z.number().int().min(32).default(1_024),
  /** Size of the private /tmp. */
  tmpBytes: z.number().int().min(1_048_576).default(268_435_456),
  wallMs: z.number().int().min(100).default(600_000),
});
export type SandboxLimits = z.infer<typeof SandboxLimits>;

export const LAUNCHER_CHOICES = ['auto', 'bubblewrap', 'docker', 'microvm', 'unsafe'] as const;

/** The password of a database must not stand in the configuration, in neither of the two places a URL has for it. */
const hasPassword = (url: string): boolean => /^[a-z]+:\/\/[^/@?]*:[^/@?]*@/.test(url) || /[?&]password=/.test(url);

export const DatabaseConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sqlite') }),
  z.strictObject({
    kind: z.literal('postgres'),
    /** `postgres://user@host:5432/database`, without the password. */
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'not a postgres:// URL')
      .refine((url) => !hasPassword(url), 'holds a password; put it into the file that database.passwordFile names'),
    /** A file as PostgreSQL's own programs read it (PGPASSFILE): lines of `host:port:database:user:password`, mode 0600. */
    passwordFile: z.string().min(1).optional(),
  }),
]);
export type DatabaseConfig = z.infer<typeof DatabaseConfig>;

/** How large the fleet may become. */
export const FleetLimits = z.object({
  /** Agents besides the operator, archived ones not counted; 0: as many as there are. */
  maxAgents: z.number().int().min(0).max(1_000_000).default(0),
  /** Absent: as many as there are; 0: none. */
  maxTeams: z.number().int().min(0).max(100_000).optional(),
});
export type FleetLimits = z.infer<typeof FleetLimits>;

const ModelList = z.array(ModelRef).min(1).max(10);

/** `config.json` under the home directory. No secret ever stands in it. Unknown keys are refused by name. */
export const HoldfastConfig = z.strictObject({
  version: z.literal(1).default(1),
  server: z
    .strictObject({
      /** Address the dashboard and API listen on. Anything but loopback needs `allowRemote`. */
      host: z.string().min(1).default('127.0.0.1'),
      port: z.number().int().min(0).max(65_535).default(7420),
      allowRemote: z.boolean().default(false),
      /** The address people type when a TLS proxy or a tunnel of yours stands in front, `https://agents.example.org`. */
      publicUrl: z.url({ protocol: /^https?$/ }).optional(),
    })
    .prefault({}),
  /** The model agents use unless they name their own, `provider/model`. Absent: the built-in simulator answers. */
  model: z.union([ModelRef, ModelList]).optional(),
  models: z
    .strictObject({
      /** Lists of models by name, used as `chain/<name>` wherever a model is named; the next one is used when one fails. */
      chains: z
        .record(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'use a-z 0-9 - and start with a letter'), ModelList)
        .default({}),
    })
    .prefault({}),
  thinking: z.enum(['off', 'low', 'medium', 'high']).default('off'),
  limits: RunLimits.extend(FleetLimits.shape).strict().prefault({}),
  /** Workers that workers start. */
  workers: z
    .strictObject({
      /** 1: an agent may start workers; 2: those may start workers, too; and so on. */
      maxSpawnDepth: z.number().int().min(1).max(5).default(2),
      /** Workers that one run of an agent may start in all, those of its workers included. */
      maxChildrenTotal: z.number().int().min(1).max(1_000).default(20),
      /** Of these, so many at the same time. */
      maxChildrenConcurrent: z.number().int().min(1).max(200).default(10),
    })
    .prefault({}),
  /** Where the host keeps everything but blobs. SQLite is a file in the home directory and needs no server. */
  database: DatabaseConfig.default({ kind: 'sqlite' }),
  sandbox: z
    .strictObject({
      launcher: z.enum(LAUNCHER_CHOICES).default('auto'),
      limits: SandboxLimits.prefault({}),
      /** Sandboxed commands at once on this host. */
      maxConcurrent: z.number().int().min(1).max(1_000).default(16),
      docker: z
        .strictObject({
          /** Default: the first that exists of Docker's and Podman's usual sockets. */
          socketPath: z.string().startsWith('/').optional(),
          image: z.string().min(1).max(255).default('holdfast-worker:latest'),
          /** A runtime that the engine knows, `runsc` for gVisor. Default: the engine's own. */
          runtime: z.string().min(1).max(64).optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  vault: z
    .strictObject({
      /** Port on loopback where programs with a caller token may use the models; absent: closed, 0: any free one. */
      loopbackPort: z.number().int().min(0).max(65_535).optional(),
      /** The vault runs as a service under its own operating system user: start does not start it. */
      service: z.boolean().default(false),
    })
    .prefault({}),
  budgets: z
    .strictObject({
      /** At a cap a run waits until the owner raises it or its window ends (`ask`), or ends with an error (`stop`). */
      atCap: z.enum(['ask', 'stop']).default('ask'),
    })
    .prefault({}),
  approvals: z
    .strictObject({
      /** After this long an unanswered approval is a denial. */
      expiresAfterMs: z.number().int().min(1_000).default(86_400_000),
    })
    .prefault({}),
  /** Where the heads of the audit's hash chain are anchored. */
  audit: AuditConfig.prefault({}),
  policy: z
    .strictObject({
      /** `quarantine`: agents get references in place of text that strangers wrote, and ask for typed facts from it. */
      untrusted: z.enum(['read', 'quarantine']).default('read'),
      /** Rules that nothing overrides; docs/policy.md has their grammar. */
      floor: Floor.prefault({}),
      unattended: UnattendedPolicy.prefault({}),
    })
    .prefault({}),
  /** Calls in a minute, beside the built-in figures. */
  rateLimits: RateLimits.prefault({}),
  freeze: z
    .strictObject({
      /** A message that is exactly this, from somebody who may, freezes everything; `<word> <agent>` that agent. */
      word: z
        .string()
        .regex(/^\S{3,40}$/, 'one word of 3 to 40 characters')
        .default('/freeze'),
    })
    .prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
export type HoldfastConfig = z.infer<typeof HoldfastConfig>;

export interface ConfigProblem {
  /** Dotted path, e.g. `server.port`. */
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

export type ConfigParse = { ok: true; config: HoldfastConfig } | { ok: false; problems: readonly ConfigProblem[] };

/** Making code for a schema that is used once takes longer than using it. */
const PARSED_ONCE = { jitless: true };

/** Validates the whole config at once; every problem comes back with its path and remedy. */
export function parseConfig(raw: unknown): ConfigParse {
  const hidden = hiddenText(raw, []);
  if (hidden.length > 0) return { ok: false, problems: hidden };
  const parsed = HoldfastConfig.safeParse(raw, PARSED_ONCE);
  if (parsed.success) {
    const problems = chainProblems(parsed.data);
    return problems.length === 0 ? { ok: true, config: parsed.data } : { ok: false, problems };
  }
  return { ok: false, problems: parsed.error.issues.flatMap(toProblems) };
}

/** A value that cannot be seen whole is not what its owner believes it to be. */
function hiddenText(value: unknown, path: readonly string[]): ConfigProblem[] {
  if (typeof value === 'string' && !isClean(value)) {
    return [
      {
        path: path.join('.'),
        problem: `holds characters that cannot be seen: ${revealText(value).slice(0, 200)}`,
        remedy: 'Type the value anew.',
      },
    ];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => hiddenText(entry, [...path, key]));
}

/** A chain holds models; what names one must name one that is there. */
function chainProblems({ model, models }: HoldfastConfig): ConfigProblem[] {
  const lists = Object.entries(models.chains).map(([name, list]) => ({ path: `models.chains.${name}`, list }));
  if (Array.isArray(model)) lists.push({ path: 'model', list: model });
  const nested = lists.filter(({ list }) => list.some((ref) => ref.startsWith(CHAIN_PREFIX)));
  const problems = nested.map(({ path }) => ({
    path,
    problem: 'a chain holds models, not chains',
    remedy: 'Write the models themselves.',
  }));
  if (typeof model !== 'string' || !model.startsWith(CHAIN_PREFIX)) return problems;
  if (Object.hasOwn(models.chains, model.slice(CHAIN_PREFIX.length))) return problems;
  return [...problems, { path: 'model', problem: `there is no ${model}`, remedy: 'Add it to models.chains.' }];
}

function toProblems(issue: z.core.$ZodIssue): ConfigProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      problem: 'unknown key',
      remedy: 'Remove it or correct its spelling; docs/configuration.md lists every key.',
    }));
  }
  return [
    {
      path: path.join('.') || '(whole file)',
      problem: issue.message,
      remedy: 'Correct the value; docs/configuration.md gives its range and default.',
    },
  ];
}
