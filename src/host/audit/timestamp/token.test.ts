import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestAuthority, type TestAuthority } from '../../../testing/timestamp-authority.ts';
import { timestampRequest } from './request.ts';
import { checkTimestamp, tokenOfResponse } from './token.ts';

const TEXT = '{"head":"…"}';
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.warn('skipped: openssl is not installed, so no timestamp authority can be run');

describe.skipIf(!hasOpenssl)('a timestamp of RFC 3161', () => {
  let authority: TestAuthority;
  let other: TestAuthority;
  const root = mkdtempSync(join(tmpdir(), 'holdfast-tsa-'));
  beforeAll(() => {
    authority = createTestAuthority(join(root, 'a'));
    other = createTestAuthority(join(root, 'b'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const ask = (text: string, nonce: Buffer): Buffer => tokenOfResponse(authority.answer(timestampRequest(text, nonce)));
  const check = (token: Buffer, more: { text?: string; nonce?: Buffer; authorities?: string } = {}) =>
    checkTimestamp(token, { text: TEXT, authorities: authority.ca, ...more });

  it('is accepted from an authority of openssl', () => {
    const nonce = randomBytes(8);
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const { at } = check(ask(TEXT, nonce), { nonce });
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it('is what openssl itself accepts, so that nobody needs our code to check one', () => {
    const token = ask(TEXT, randomBytes(8));
    writeFileSync(join(root, 'token'), token);
    writeFileSync(join(root, 'data'), TEXT);
    const args = [
      'ts',
      '-verify',
      '-data',
      join(root, 'data'),
      '-in',
      join(root, 'token'),
      '-token_in',
      '-CAfile',
      authority.caFile,
    ];
    expect(execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toContain('OK');
  });

  it('asks with nonces of every first byte', () => {
    for (const first of [0, 1, 0x7f, 0x80, 0xff]) {
      const nonce = Buffer.concat([Buffer.from([first]), randomBytes(7)]);
      expect(() => check(ask(TEXT, nonce), { nonce })).not.toThrow();
    }
  });

  it('is refused over another text, for another request and from another authority', () => {
    const token = ask(TEXT, randomBytes(8));
    expect(() => check(token, { text: `${TEXT} ` })).toThrow('over another text');
    expect(() => check(token, { nonce: randomBytes(8) })).toThrow('another request');
    expect(() => check(token, { authorities: other.ca })).toThrow('does not lead to an authority');
  });

  it('is refused when any of its bytes is another', () => {
    const token = ask(TEXT, randomBytes(8));
    const certificates = token.indexOf(readFileSync(authority.certificateDer));
    const passed: number[] = [];
    for (let at = 0; at < token.length; at += 7) {
      if (at >= certificates && certificates >= 0 && at < certificates + 2_000) continue;
      const bent = Buffer.from(token);
      bent[at] = (bent[at] ?? 0) ^ 0x01;
      try {
        check(bent);
        passed.push(at);
      } catch {}
    }
    // Bytes outside of what is signed that say nothing: the signer's own serial and version numbers.
    expect(passed.length).toBeLessThan(30);
    expect(() => check(token.subarray(0, 100))).toThrow();
    expect(() => check(Buffer.from('nonsense'))).toThrow();
  });

  it('is refused from a certificate that was made for something else', () => {
    const plain = createTestAuthority(join(root, 'c'), { extendedKeyUsage: 'serverAuth' });
    const token = plain.tryAnswer(timestampRequest(TEXT, randomBytes(8)));
    if (token === undefined) return; // openssl refuses to sign with it in the first place.
    expect(() => checkTimestamp(tokenOfResponse(token), { text: TEXT, authorities: plain.ca })).toThrow(
      'not for timestamps',
    );
  });
});
