import type { RunState } from '../../protocol/run.ts';
import type { RunsTable } from '../runs/tables.ts';

/**
 * Which open runs are past what they declared. Pure: whatever is not terminal has an owner who must act and a time until
 * which that is to be expected; what is later than that is listed, never silently left.
 */
export interface Overdue {
  readonly runId: string;
  readonly agentId: string;
  readonly title: string;
  readonly state: RunState;
  /** Who must act: `person`, `vault`, `run`, `lane`, `host`. */
  readonly owner: string;
  readonly since: number;
  readonly deadline: number;
  readonly detail: string;
  readonly remedy: string;
}

export interface OverdueLimits {
  /** A run at work that gives no sign of life for so long is started again. */
  readonly stallMs: number;
  /** A chat that waits in its lane for so long although nothing is executed before it. */
  readonly queuedMs: number;
  readonly questionMs: number;
}

type Open = Pick<
  RunsTable,
  | 'id'
  | 'kind'
  | 'agent_id'
  | 'session_id'
  | 'title'
  | 'state'
  | 'waiting_for'
  | 'wait_owner'
  | 'wait_deadline'
  | 'created_at'
  | 'progress_at'
>;

export function overdueOf(open: readonly Open[], now: number, limits: OverdueLimits): Overdue[] {
  const busy = new Set(open.filter((run) => run.state !== 'queued').map((run) => run.session_id));
  return open.flatMap((run) => {
    const due = dueOf(run, { limits, isLaneBusy: busy.has(run.session_id) });
    if (due === undefined || due.deadline > now) return [];
    return [{ runId: run.id, agentId: run.agent_id, title: run.title, state: run.state as RunState, ...due }];
  });
}

type Due = Pick<Overdue, 'owner' | 'since' | 'deadline' | 'detail' | 'remedy'>;

function dueOf(run: Open, { limits, isLaneBusy }: { limits: OverdueLimits; isLaneBusy: boolean }): Due | undefined {
  const since = run.progress_at;
  switch (run.state) {
    case 'waiting': {
      const deadline = run.wait_deadline ?? since + limits.questionMs;
      const owner = run.wait_owner ?? 'person';
      return { owner, since, deadline, detail: run.waiting_for ?? 'something', remedy: REMEDIES[owner] ?? LOOK };
    }
    case 'asked':
      return {
        owner: 'person',
        since,
        deadline: since + limits.questionMs,
        detail: 'an answer to its question',
        remedy: 'Answer it in its chat, or cancel it.',
      };
    case 'running':
      return { owner: 'host', since, deadline: since + limits.stallMs, detail: 'any sign of progress', remedy: LOOK };
    default:
      if (isLaneBusy) return undefined;
      return { owner: 'lane', since, deadline: since + limits.queuedMs, detail: 'its turn', remedy: LOOK };
  }
}

const LOOK = 'Look into `holdfast logs`; cancel the run, or restart with `holdfast restart`.';

const REMEDIES: Readonly<Record<string, string>> = {
  person: 'Answer it: `holdfast pending` lists what waits for you.',
  vault: 'The vault does not answer: `holdfast status` says why, `holdfast restart` starts it anew.',
  run: 'Look at the run it waits for; cancel it if it hangs.',
  budget: 'Raise the cap with `holdfast budget`, or cancel the run.',
};
