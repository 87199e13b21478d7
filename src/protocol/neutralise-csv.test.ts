import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neutraliseCsv } from './neutralise-csv.ts';

describe('a table that a spreadsheet may open', () => {
  it.each([
    ['=1+1', "'=1+1"],
    ['a,=HYPERLINK("http://evil.example";A1)', 'a,\'=HYPERLINK("http://evil.example";A1)'],
    ['"=cmd|\'/c calc\'!A1",b', "\"'=cmd|'/c calc'!A1\",b"],
    ['a;@SUM(A1)', "a;'@SUM(A1)"],
    ['a\t+evil', "a\t'+evil"],
    ['x\r\n-2+3+cmd', "x\r\n'-2+3+cmd"],
    [' =1', "' =1"],
    ['\ufeff=1', "'\ufeff=1"],
    ['＝1+1', "'＝1+1"],
    ['a,\t=1', "a,\t'=1"],
  ])('%j becomes %j', (text, expected) => expect(neutraliseCsv(text)).toBe(expected));

  it.each([
    '-5',
    '+3.25',
    '-1,234.50',
    '1e-3,-2.5e10',
    '-12 %',
    'a-b,c=d,e@f.example',
    '"a, -5"',
    'name,sum\nx,-17\n',
    '',
  ])('leaves %j', (text) => expect(neutraliseCsv(text)).toBe(text));

  it('leaves no cell that begins with a formula, and changes nothing twice', () => {
    const piece = fc.constantFrom('=', '+', '-', '@', '1', 'a', ',', ';', '\t', '\n', '\r\n', '"', ' ', '(', '.');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = neutraliseCsv(pieces.join(''));
        expect(neutraliseCsv(once)).toBe(once);
        for (const cell of once.split(/[\r\n,;\t|]/)) {
          const inner = cell.replace(/^"/, '').trimStart();
          if (/^[=@]/.test(inner)) expect.fail(JSON.stringify({ once, cell }));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
