/**
 * The sandbox's system call filter in the form that Docker reads: the same decisions as `filter.ts`, but as an allow list,
 * because there a call that nobody judged must not pass: what is not listed is answered with EPERM, and runc answers
 * ENOSYS to calls newer than all that are listed.
 *
 * The library behind it has no "else": several rules for one call are alternatives, and an unconditional rule swallows
 * the conditional ones. So a conditional call has only rules that allow, each exact in the 32 bits that the kernel looks at
 * (a comparison of all 64 would pass 0x1_0000_5412 for TIOCSTI).
 */
import { ALLOWED_CALLS } from './allowed-calls.ts';
import { FAMILIES, NEW_NAMESPACE, PERSONALITIES, TERMINAL_INJECTION } from './filter.ts';
import { ABSENT, type Architecture } from './syscalls.ts';

const ENOSYS = 38;
const EPERM = 1;
const EAFNOSUPPORT = 97;
const ALL_BITS = 0xffffffff;
/** Address families that Linux has are told from calls that are forbidden, so that programs take their other path. */
const KNOWN_FAMILIES = 64;

interface Condition {
  readonly index: number;
  readonly op: 'SCMP_CMP_MASKED_EQ';
  /** The mask; Docker's format calls it so. */
  readonly value: number;
  readonly valueTwo: number;
}

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly Condition[];
}

export interface DockerProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

const DOCKER_ARCHITECTURE: Readonly<Record<Architecture, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

/** Pure. */
export function dockerProfile(architecture: Architecture): DockerProfile {
  const refused = Array.from({ length: KNOWN_FAMILIES }, (_, family) => family).filter(
    (family) => !FAMILIES.includes(family),
  );
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [DOCKER_ARCHITECTURE[architecture]],
    syscalls: [
      { names: ALLOWED_CALLS, action: 'SCMP_ACT_ALLOW' },
      { names: Object.keys(ABSENT), action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      ...FAMILIES.map((family) => allow('socket', same(0, ALL_BITS, family))),
      ...refused.map((family) => answer('socket', same(0, ALL_BITS, family), EAFNOSUPPORT)),
      ...PERSONALITIES.map((persona) => allow('personality', same(0, ALL_BITS, persona))),
      ...differsFrom(1, TERMINAL_INJECTION).map((condition) => allow('ioctl', condition)),
      allow('clone', same(0, NEW_NAMESPACE, 0)),
    ],
  };
}

const same = (index: number, mask: number, value: number): Condition => ({
  ...{ index, op: 'SCMP_CMP_MASKED_EQ' },
  value: mask,
  valueTwo: value,
});
const allow = (name: string, condition: Condition): Rule => ({
  ...{ names: [name], action: 'SCMP_ACT_ALLOW' },
  args: [condition],
});
const answer = (name: string, condition: Condition, code: number): Rule => ({
  ...{ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: code },
  args: [condition],
});

/**
 * "None of these values", as alternatives that can be compared for sameness: a value is none of them when one of the bits
 * that they have in common is turned, or when the bits in which they differ are like in none of them.
 */
export function differsFrom(index: number, values: readonly number[]): Condition[] {
  const [first = 0] = values;
  const varying = values.reduce((bits, value) => bits | (value ^ first), 0) >>> 0;
  const common = bitsOf(~varying >>> 0).map((bit) => same(index, bit, (~first & bit) >>> 0));
  const taken = new Set(values.map((value) => (value & varying) >>> 0));
  const others = subsetsOf(bitsOf(varying)).filter((pattern) => !taken.has(pattern));
  return [...common, ...others.map((pattern) => same(index, varying, pattern))];
}

function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => (mask & bit) !== 0);
}

function subsetsOf(bits: readonly number[]): number[] {
  const sets = [0];
  for (const bit of bits) sets.push(...sets.map((set) => (set | bit) >>> 0));
  return sets;
}
