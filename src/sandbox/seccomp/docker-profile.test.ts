import { describe, expect, it } from 'vitest';
import { ALLOWED_CALLS } from './allowed-calls.ts';
import { differsFrom, dockerProfile } from './docker-profile.ts';
import { ABSENT, ARCHITECTURES, CONDITIONAL, DENIED } from './syscalls.ts';

const passes = (conditions: ReturnType<typeof differsFrom>, value: bigint): boolean =>
  conditions.some((condition) => (value & BigInt(condition.value)) === BigInt(condition.valueTwo));

describe("the filter in Docker's form", () => {
  it('allows no call that the other form denies, hides or judges by arguments', () => {
    const judged = new Set([...Object.keys(DENIED), ...Object.keys(ABSENT), ...Object.keys(CONDITIONAL)]);
    expect(ALLOWED_CALLS.filter((name) => judged.has(name))).toEqual([]);
    expect(ALLOWED_CALLS).toContain('execve');
    expect(new Set(ALLOWED_CALLS).size).toBe(ALLOWED_CALLS.length);
  });

  for (const architecture of ARCHITECTURES)
    it(`gives a conditional call no unconditional rule on ${architecture}`, () => {
      const { syscalls, architectures, defaultAction } = dockerProfile(architecture);
      expect(defaultAction).toBe('SCMP_ACT_ERRNO');
      expect(architectures).toHaveLength(1);
      const conditional = new Set<string>(Object.keys(CONDITIONAL));
      for (const rule of syscalls.filter(({ names }) => names.some((name) => conditional.has(name))))
        expect(rule.args).toHaveLength(1);
    });

  it('compares a terminal request by the 32 bits that the kernel looks at', () => {
    const conditions = differsFrom(1, [0x5412, 0x541c]);
    for (const request of [0x5412n, 0x541cn, 0x1_0000_5412n, 0xffff_ffff_0000_541cn])
      expect(passes(conditions, request), request.toString(16)).toBe(false);
    for (let request = 0n; request < 0x1_0000n; request += 1n)
      expect(passes(conditions, request), request.toString(16)).toBe(request !== 0x5412n && request !== 0x541cn);
    expect(passes(conditions, 0x8000_5412n)).toBe(true);
  });
});
