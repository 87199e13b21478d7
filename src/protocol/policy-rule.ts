import { z } from 'zod';
import { SomePermissions } from './permission.ts';
import { RISKS } from './tool.ts';

export const RULE_KINDS = [
  'tool',
  'risk',
  'template',
  'path',
  'host',
  'agent',
  'topic',
  'blackboard',
  'credential',
  'api',
  'browser',
  'skill',
  'mcp',
  'schedule',
  'memory',
  'person',
  'fleet',
  'wallet',
] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/**
 * What a rule is about, in one line: `<kind>:<glob>`, or `<kind>.<act>:<glob>` for one act only.
 *
 *   tool:run_command      risk:network          host:*.example.org
 *   path:/home/ada/keys   path.rw:/srv          blackboard.write:global/*
 *   agent.task:intern     api:stripe            mcp:mail/send_*       fleet.agent.remove:*
 *
 * A path stands for the folder and all below it; a host for fetches, the browser and the places of sandboxes alike.
 */
export interface RuleSubject {
  readonly kind: RuleKind;
  readonly act: string | undefined;
  readonly glob: string;
}

const SUBJECT = /^([a-z]+)(?:\.([a-z]+(?:[._-][a-z]+)*))?:(.{1,400})$/su;
/** The kinds whose resources have acts, each with those it has; `undefined`: any word. */
const ACTS: Partial<Record<RuleKind, readonly string[] | undefined>> = {
  path: ['ro', 'rw'],
  agent: ['message', 'task', 'read'],
  topic: ['publish', 'subscribe'],
  blackboard: ['read', 'write', 'watch'],
  skill: ['use', 'install', 'remove'],
  schedule: ['create', 'change', 'remove'],
  memory: ['read', 'write'],
  fleet: undefined,
};

/** The subject of a rule's text, or what is wrong with it. */
export function readSubject(text: string): RuleSubject | string {
  const match = SUBJECT.exec(text);
  const kind = RULE_KINDS.find((known) => known === match?.[1]);
  if (match === null || kind === undefined) {
    return `${JSON.stringify(text.slice(0, 200))} is not <kind>:<glob>; the kinds are ${RULE_KINDS.join(', ')}`;
  }
  const act = match[2];
  const acts = Object.hasOwn(ACTS, kind) ? ACTS[kind] : [];
  if (act !== undefined && acts !== undefined && !acts.includes(act)) {
    return `${kind} has no act ${act}${acts.length === 0 ? '' : `; it has ${acts.join(', ')}`}`;
  }
  const glob = match[3] ?? '';
  if (kind === 'risk' && !glob.includes('*') && !RISKS.some((risk) => risk === glob)) {
    return `there is no risk ${glob}; there are ${RISKS.join(', ')}`;
  }
  if (kind === 'path' && !glob.startsWith('/') && !glob.startsWith('*')) return `the path ${glob} is not absolute`;
  return { kind, act, glob: kind === 'host' || kind === 'credential' ? glob.toLowerCase() : glob };
}

export const SubjectText = z.string().superRefine((text, context) => {
  const subject = readSubject(text);
  if (typeof subject === 'string') context.addIssue({ code: 'custom', message: subject });
});

/** A rule of the floor: a line, or a line for some agents only and with its reason. */
export const FloorRule = z.union([
  SubjectText,
  z.strictObject({
    never: SubjectText,
    /** Agents it holds for, as globs. Absent: all. */
    agents: z.array(z.string().min(1).max(200)).min(1).max(1_000).optional(),
    /** Shown with each refusal. */
    why: z.string().min(1).max(500).optional(),
  }),
]);
export type FloorRule = z.infer<typeof FloorRule>;

/** What nothing overrides: no grant, no approval, no agent's permissions. */
export const Floor = z.strictObject({
  never: z.array(FloorRule).max(10_000).default([]),
  /** No agent's permissions count beyond these. A field that is not named is not bounded. */
  atMost: SomePermissions.default({}),
});
export type Floor = z.infer<typeof Floor>;

/**
 * What a person allowed for longer than one call. It turns a question into a yes where it names all that is asked about;
 * it never overrides a refusal.
 */
export const StandingGrant = z.strictObject({
  id: z.string().min(1),
  agentId: z.string().min(1),
  /** Absent: any tool. */
  tool: z.string().min(1).optional(),
  /** Absent: any principal. */
  principal: z.string().min(1).optional(),
  /** What it allows without asking; each resource that would be asked about must be named. */
  allows: z.array(SubjectText).min(1).max(100),
  /** Unix milliseconds; absent: until it is revoked. */
  expiresAt: z.number().int().optional(),
});
export type StandingGrant = z.infer<typeof StandingGrant>;

/** What happens to a question when nobody is there. `wait`: it stays open until it expires; `deny`: it is a no at once. */
export const UnattendedPolicy = z.strictObject({ questions: z.enum(['wait', 'deny']).default('wait') });
export type UnattendedPolicy = z.infer<typeof UnattendedPolicy>;
