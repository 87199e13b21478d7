import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSecretGuard } from '../secret-guard.ts';
import { createMessageScanner } from './message-scan.ts';

const KEY = 'sk-live-9Qx72LmPz0aVt4Rk';
const clean = (values: readonly string[], ...texts: string[]) => createMessageScanner(values).clean(texts);
const one = (text: string, values: readonly string[] = [KEY]): string => clean(values, text).texts[0] ?? '';

/** A value as a generator of keys would make it. */
const secret = fc.string({
  unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="\\%$!ü'),
  minLength: 20,
  maxLength: 60,
});
const noise = fc.string({ unit: fc.constantFrom(...'abc xyz,.\n{}":\\%1Q'), maxLength: 120 });

/** Some of the characters as `%XX`, some as `\uXXXX`, the others as they are. */
const mixedEscapes = (value: string) =>
  fc
    .array(fc.constantFrom('plain', 'percent', 'Percent', 'json'), { minLength: value.length, maxLength: value.length })
    .map((how) =>
      [...Array(value.length).keys()]
        .map((i) => {
          const char = value[i] ?? '';
          const percent = (upper: boolean): string =>
            [...Buffer.from(char)]
              .map(
                (byte) =>
                  `%${upper ? byte.toString(16).toUpperCase().padStart(2, '0') : byte.toString(16).padStart(2, '0')}`,
              )
              .join('');
          // A % of the value itself must be told apart from one that begins an escape, as every encoder does.
          if (how[i] === 'json' || char === '\\') return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
          if (how[i] === 'plain' && char !== '%') return char;
          return percent(how[i] === 'percent');
        })
        .join(''),
    );

const encodings: Record<string, (value: string, before: string, after: string) => string> = {
  plain: (value) => value,
  reversed: (value) => [...value].reverse().join(''),
  hex: (value) => Buffer.from(value).toString('hex'),
  HEX: (value) => Buffer.from(value).toString('hex').toUpperCase(),
  base64: (value, before, after) => Buffer.from(`${before}${value}${after}`).toString('base64'),
  base64url: (value, before, after) => Buffer.from(`${before}${value}${after}`).toString('base64url'),
  percent: (value) => encodeURIComponent(value),
  json: (value) => JSON.stringify(value),
  'gzip as base64': (value, before, after) => gzipSync(`${before}${value}${after}`).toString('base64'),
  'gzip as hex': (value, before, after) => gzipSync(`${before}${value}${after}`).toString('hex'),
};

/** Everything that somebody who has the text could make of it by undoing one encoding. */
function decodings(text: string): string[] {
  const runs = text.match(/[A-Za-z0-9+/_=-]{8,}/g) ?? [];
  const shifted = runs.flatMap((run) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(run.slice(skip), 'base64').toString('utf8')),
  );
  const hex = (text.match(/[0-9a-fA-F]{8,}/g) ?? []).map((run) => Buffer.from(run, 'hex').toString('utf8'));
  const percent = text.replace(/%([0-9a-fA-F]{2})/g, (_all, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return [text, [...text].reverse().join(''), percent, ...shifted, ...hex];
}

describe('the scan of a message', () => {
  it('gives back the very same texts when it finds nothing', () => {
    const texts = ['nothing here', '{"a":"\\u00e9 100%"}'];
    const result = createMessageScanner([KEY]).clean(texts);
    expect(result).toEqual({ texts, found: 0 });
    expect(result.texts).toBe(texts);
  });

  for (const [name, encode] of Object.entries(encodings))
    it(`finds any value as ${name}, wherever it stands`, () => {
      fc.assert(
        fc.property(
          secret,
          noise,
          noise,
          fc.string({ maxLength: 5 }),
          fc.string({ maxLength: 5 }),
          (value, left, right, before, after) => {
            const written = encode(value, before, after);
            const result = clean([value], `${left} ${written} ${right}`);
            expect(result.found).toBeGreaterThan(0);
            for (const decoded of decodings(result.texts[0] ?? '')) expect(decoded.includes(value)).toBe(false);
          },
        ),
        { numRuns: 150 },
      );
    });

  it('finds any mix of encoded characters', () => {
    const written = secret.chain((value) => fc.tuple(fc.constant(value), mixedEscapes(value)));
    fc.assert(
      fc.property(written, noise, noise, ([value, text], left, right) => {
        const result = clean([value], `${left.replaceAll(/[\\%]/g, '')} ${text} ${right}`);
        expect(result.found).toBeGreaterThan(0);
        expect(result.texts[0]).not.toContain(text);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a value that was cut into up to four pieces, in any order and over several texts', () => {
    const value = fc
      .string({
        unit: fc.constantFrom(...'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_'),
        minLength: 20,
        maxLength: 60,
      })
      .filter((key) => /[A-Za-z]\d[A-Za-z]/.test(key) && new Set(key).size >= 10);
    const cut = fc.tuple(
      value,
      fc.array(fc.nat(1_000), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom('plain', 'hex', 'base64', 'reversed'),
    );
    fc.assert(
      fc.property(cut, fc.boolean(), ([key, cuts, turned, how], apart) => {
        const written = (encodings[how] ?? String)(key, '', '');
        const at = [...new Set(cuts.map((place) => place % written.length))].sort((a, b) => a - b);
        const pieces = [0, ...at].map((from, index) => written.slice(from, at[index] ?? written.length));
        const shown = turned ? [...pieces].reverse() : pieces;
        const texts = apart
          ? shown.map((piece) => `part: ${piece} ;`)
          : [shown.map((piece) => `part ${piece} ;`).join('\n')];
        const { found, texts: left } = clean([key], ...texts);
        expect(found).toBeGreaterThan(0);
        for (const piece of pieces.filter(({ length }) => length >= 8))
          expect(left.some((text) => text.includes(piece))).toBe(false);
      }),
      { numRuns: 600 },
    );
  });

  it('does not take ordinary text for pieces of a value', () => {
    const digits = '4929581703628405';
    const words = 'production-database-password';
    const hex = '9f86d081884c7d659a2feaa0c55ad015';
    const table = Array.from({ length: 3_000 }, (_, n) => String((n * 7_919) % 99_991)).join(' ');
    const prose = 'The production database has a password; the production- and the -database of it.\n'.repeat(40);
    const hashes = Array.from({ length: 200 }, (_, n) => Buffer.from(`${n * n}hash${n}`).toString('hex')).join('\n');
    for (const text of [table, prose, hashes, 'sk-live- is how live keys begin, 9Qx is not.'])
      expect(clean([digits, words, hex, KEY], text).found).toBe(0);
  });

  it('leaves short values and an archive without a secret alone', () => {
    expect(one('a short one', ['short'])).toBe('a short one');
    const harmless = gzipSync('nothing in here at all, really nothing').toString('base64');
    expect(one(harmless)).toBe(harmless);
  });

  it('looks into an archive with line breaks in it, a cut one, and one in an archive', () => {
    const text = `log\n${'x'.repeat(300)}\n${KEY}\n`;
    const wrapped = gzipSync(text)
      .toString('base64')
      .replace(/(.{60})/g, '$1\n');
    expect(one(`begin ${wrapped} end`)).not.toContain(wrapped.slice(0, 40));
    const cut = gzipSync(`${KEY} and more ${'y'.repeat(50)}`)
      .toString('base64')
      .slice(0, -12);
    expect(clean([KEY], cut).found).toBe(1);
    const nested = gzipSync(gzipSync(KEY).toString('base64')).toString('base64');
    expect(clean([KEY], nested).found).toBe(1);
    expect(clean([KEY], `x ${deflateRawSync(KEY).toString('hex')} y`).found).toBe(1);
  });

  it('ends in time on hostile text', () => {
    const scanner = createMessageScanner(Array.from({ length: 200 }, (_, n) => `${KEY}${n}`));
    const hostile = [
      'H4sI'.repeat(50_000),
      '1f8b08'.repeat(30_000),
      '%4'.repeat(200_000),
      '\\u00'.repeat(100_000),
      'sk-l'.repeat(100_000),
    ];
    const started = process.cpuUsage();
    for (const text of hostile) scanner.clean([text]);
    const { user } = process.cpuUsage(started);
    console.log(
      `hostile texts of ${hostile.reduce((sum, { length }) => sum + length, 0)} characters: ${Math.round(user / 1_000)} ms`,
    );
    expect(user).toBeLessThan(10_000_000);
  });
});

describe('the guard of streams', () => {
  it('finds every form wherever the chunks are cut', () => {
    const forms = Object.entries(encodings).filter(([name]) => !name.startsWith('gzip'));
    const written = fc
      .tuple(secret, fc.constantFrom(...forms.map(([, encode]) => encode)), fc.string({ maxLength: 4 }))
      .map(([value, encode, before]) => [value, encode(value, before, '')] as const);
    fc.assert(
      fc.property(
        written,
        noise,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        ([value, text], left, cuts) => {
          const data = Buffer.from(`${left} ${text} end`);
          const scan = createSecretGuard([value]).scan();
          const out: Buffer[] = [];
          for (let at = 0, turn = 0; at < data.length; turn += 1) {
            const size = cuts[turn % cuts.length] ?? 1;
            out.push(Buffer.from(scan.push(data.subarray(at, at + size))));
            at += size;
          }
          out.push(scan.flush());
          const result = Buffer.concat(out).toString('utf8');
          expect(scan.found).toBeGreaterThan(0);
          for (const decoded of decodings(result)) expect(decoded.includes(value)).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });
});
