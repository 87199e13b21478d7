import { describe, expect, it } from 'vitest';
import { matchTotp, toBase32, totpCode, totpStep } from './totp.ts';

const key = (length: number): Buffer => Buffer.from('1234567890'.repeat(7).slice(0, length));

describe('one-time codes by time', () => {
  // RFC 6238, appendix B.
  it.each([
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ])('at %i s are those of RFC 6238', (seconds, sha1, sha256, sha512) => {
    const step = totpStep(seconds * 1_000);
    const code = (length: number, algorithm: 'sha1' | 'sha256' | 'sha512'): string =>
      totpCode(key(length), step, { digits: 8, algorithm });
    expect([code(20, 'sha1'), code(32, 'sha256'), code(64, 'sha512')]).toEqual([sha1, sha256, sha512]);
  });

  it('are accepted one step early or late and no further', () => {
    const now = 1_700_000_000_000;
    const at = (steps: number): number | undefined => matchTotp(key(20), totpCode(key(20), totpStep(now) + steps), now);
    expect([-2, -1, 0, 1, 2].map(at).map((step) => step !== undefined)).toEqual([false, true, true, true, false]);
    expect(matchTotp(key(20), '', now)).toBeUndefined();
    expect(matchTotp(key(20), '1234567', now)).toBeUndefined();
  });

  it('have keys that people can type (RFC 4648)', () => {
    expect(toBase32(Buffer.from('foobar'))).toBe('MZXW6YTBOI');
    expect(toBase32(Buffer.from('f'))).toBe('MY');
  });
});
