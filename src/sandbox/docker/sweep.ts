/** Ends the containers of hosts of this installation that no longer live. Containers of others are never touched. */
import { z } from 'zod';
import { isOrphan } from '../bubblewrap/token.ts';
import { TOKEN_LABEL } from './container.ts';
import { createEngine, type Engine } from './engine.ts';
import { findSocket } from './ground.ts';
import { remove } from './warm.ts';

const Listed = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() }));

/** All containers of Holdfast hosts, whoever they belong to. */
export async function listContainers(engine: Engine): Promise<{ id: string; token: string }[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [TOKEN_LABEL] }));
  const answer = await engine.call({ method: 'GET', path: `/containers/json?all=true&filters=${filters}` });
  return Listed.parse(answer).flatMap(({ Id, Labels }) => {
    const token = Labels?.[TOKEN_LABEL];
    return token === undefined ? [] : [{ id: Id, token }];
  });
}

/** Returns how many it ended. Without an engine there is nothing to end. */
export async function sweepContainers(home: string, socketPath: string | undefined): Promise<number> {
  const found = findSocket(socketPath);
  if (found === undefined) return 0;
  const engine = createEngine(found);
  const all = await listContainers(engine).catch(() => []); // It does not answer: the probe says so.
  const removed = await Promise.all(
    all.filter(({ token }) => isOrphan(token, home)).map(({ id }) => remove(engine, id)),
  );
  return removed.filter(Boolean).length;
}
