import { expect, it } from 'vitest';
import type { JsonValue } from '../protocol/json.ts';
import { isSaid } from './said.ts';

const SAID = ['Send 50.5 EUR to GB29NWBK for  the Pizza,\nplease.', 'mail ada@example.org about evil.example.org'];

it.each([
  [{ to: 'GB29NWBK', amount: 50.5, note: 'the pizza' }, true],
  [{ to: ['ada@example.org'], urgent: true }, true],
  [{ to: 'GB29NWBK', amount: 50 }, false],
  [{ to: 'GB29', amount: 50.5 }, false],
  [{ to: 'GB29NWBK', amount: 505 }, false],
  [{ to: 'example.org' }, false],
  [{ to: 'ada@example.org', body: 'my password' }, false],
  [{ to: '' }, false],
  [{}, false],
  [{ urgent: true }, false],
] as [JsonValue, boolean][])('%j was said: %s', (input, expected) => expect(isSaid(input, SAID)).toBe(expected));

it('is nothing that was said in two messages', () => {
  expect(isSaid({ a: 'one two' }, ['one', 'two'])).toBe(false);
});
