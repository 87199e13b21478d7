import { describe, expect, it } from 'vitest';
import { chatPath, parseRoute } from './router.tsx';

describe('parseRoute', () => {
  it.each([
    ['/', { page: 'chat', agentId: 'operator', sessionId: undefined }],
    ['/chat/ada/ses_1', { page: 'chat', agentId: 'ada', sessionId: 'ses_1' }],
    ['/runs/run_1', { page: 'run', runId: 'run_1' }],
    ['/runs/', { page: 'runs' }],
    ['/runs/a/b', { page: 'unknown' }],
    ['/agents/scout', { page: 'agent', agentId: 'scout' }],
    ['/teams', { page: 'teams' }],
    ['/nope', { page: 'unknown' }],
    ['/chat/%', { page: 'chat', agentId: '%', sessionId: undefined }],
  ])('%s', (path, route) => expect(parseRoute(path)).toEqual(route));

  it('reads back what chatPath writes', () => {
    expect(parseRoute(chatPath('a/b', 'ses_1'))).toEqual({ page: 'chat', agentId: 'a/b', sessionId: 'ses_1' });
  });
});
