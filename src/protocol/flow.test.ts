import { describe, expect, it } from 'vitest';
import { ExceptionSubject, NewFlowException, SinkPattern } from './flow.ts';

describe('the sink of an exception', () => {
  it.each([
    'url:https://api.example.org/*',
    'url:https://*.example.org/v1/*',
    'url:http://10.0.0.7:8080/',
    'memory:agent',
    'person:telegram:12345',
    'schedule:*',
    'egress:*',
  ])('may be %s', (sink) => expect(SinkPattern.safeParse(sink).success).toBe(true));
  it.each([
    '*',
    'url:*',
    'url:https://*',
    'url:https://api.example.org*',
    'url:https://api.example.*/',
    'url:https://user@example.org/',
    'url:ftp://example.org/',
    'everything:*',
    'fleet:*',
    'wallet:*',
    'memory:',
    '',
  ])('is never as wide or unclear as %j', (sink) => expect(SinkPattern.safeParse(sink).success).toBe(false));
});

it('an exception names whom it is for and ends', () => {
  for (const subject of ['*', 'helper', 'template:web_researcher']) {
    expect(ExceptionSubject.safeParse(subject).success).toBe(true);
  }
  for (const subject of ['', 'template:', 'a b', 'help*'])
    expect(ExceptionSubject.safeParse(subject).success).toBe(false);
  const wanted = { subject: '*', origin: 'web:a.example', sink: 'memory:agent', forMs: 60_000 };
  expect(NewFlowException.safeParse(wanted).success).toBe(true);
  expect(NewFlowException.safeParse({ ...wanted, forMs: Number.POSITIVE_INFINITY }).success).toBe(false);
  expect(NewFlowException.safeParse({ ...wanted, origin: '*' }).success).toBe(false);
});
