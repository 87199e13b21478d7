import { describe, expect, it } from 'vitest';
import { readChange } from './change-draft.ts';

describe('a change that somebody types', () => {
  it('is the lines of the floor and the JSON together', () => {
    expect(readChange({ never: ' host:*.example.net\n\ntool:x ', json: '' })).toEqual({
      change: { floor: { alsoNever: ['host:*.example.net', 'tool:x'] } },
    });
    expect(
      readChange({ never: 'tool:x', json: '{"floor":{"alsoNever":["a:b"],"atMost":{}},"agents":{"s":{}}}' }),
    ).toEqual({
      change: { floor: { alsoNever: ['a:b', 'tool:x'], atMost: {} }, agents: { s: {} } },
    });
    expect(readChange({ never: '', json: '{"agents":{}}' })).toEqual({ change: { agents: {} } });
  });

  it.each([
    [{ never: '', json: '' }, 'Name a rule'],
    [{ never: '', json: '{' }, 'Not JSON'],
    [{ never: '', json: '[1]' }, 'one JSON object'],
    [{ never: 'tool:x', json: 'null' }, 'one JSON object'],
  ])('%j is refused', (draft, problem) => {
    expect(readChange(draft)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
