import type { ServerResponse } from 'node:http';
import type { Freezes } from './freezes.ts';

/** Answers under way, by agent, so that a freeze cuts them. What was reserved for them stays charged as estimated. */
export interface LiveCalls {
  hold(agent: string, response: ServerResponse): void;
}

export function createLiveCalls(freezes: Freezes): LiveCalls {
  const live = new Map<ServerResponse, string>();
  freezes.onChange(() => {
    // Whoever tripped the wire is told so first; what is answered already runs out.
    setImmediate(() => {
      for (const [response, agent] of live) if (freezes.of(agent) && !response.writableEnded) response.destroy();
    });
  });
  return {
    hold: (agent, response) => {
      live.set(response, agent);
      response.once('close', () => live.delete(response));
    },
  };
}
