import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';
import { closest } from './closest.ts';

const FLAGS = [
  { name: 'json', help: '' },
  { name: 'home', value: 'DIR', help: '' },
  { name: 'lines', short: 'n', value: 'N', help: '' },
];

describe('parseArguments', () => {
  it('reads words, switches and values in any order', () => {
    const args = parseArguments(['a', '--json', '--home', '/x', '-n', '5', 'b', '--', '--json'], FLAGS);
    expect(args.words).toEqual(['a', 'b', '--json']);
    expect([args.has('json'), args.text('home'), args.number('lines', 1)]).toEqual([true, '/x', 5]);
    expect(parseArguments(['--home=/y=z'], FLAGS).text('home')).toBe('/y=z');
  });

  it('names an unknown flag and the closest known one', () => {
    expect(() => parseArguments(['--jsn'], FLAGS)).toThrow('unknown flag --jsn');
    const failure = catching(() => parseArguments(['--hoem', 'x'], FLAGS));
    expect(failure).toMatchObject({ code: 'bad-request', remedy: 'Did you mean --home?' });
  });

  it('refuses a missing, an unwanted and a wrong value', () => {
    expect(() => parseArguments(['--home'], FLAGS)).toThrow('--home needs a value');
    expect(() => parseArguments(['--home', '--json'], FLAGS)).toThrow('--home needs a value');
    expect(() => parseArguments(['--json=1'], FLAGS)).toThrow('--json takes no value');
    expect(() => parseArguments(['-n', 'x'], FLAGS).number('lines', 1)).toThrow('--lines is "x"');
    expect(() => parseArguments(['-n', '0'], FLAGS).number('lines', 1)).toThrow('--lines is "0"');
  });
});

describe('closest', () => {
  const names = ['start', 'stop', 'status', 'setup', 'chat'];
  it.each([
    ['strat', 'start'],
    ['satus', 'status'],
    ['sta', 'start'],
    ['chta', 'chat'],
    ['frobnicate', undefined],
  ])('%s is %s', (word, expected) => expect(closest(word, names)).toBe(expected));
});

function catching(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
