import type { ErrorInfo, EventOf } from '../../protocol/event.ts';
import type { RunWriter } from './run-writer.ts';

/**
 * What the loop needs of budgets. The caps are the vault's; here a run learns that it stands at one, waits there in the
 * open, and goes on when there is room again.
 */
export interface RunBudget {
  /** Wait at a cap until it is raised, or end the run there. */
  readonly atCap: 'ask' | 'stop';
  /** Resolves when what was refused would fit. Rejects only when `signal` fires. */
  room(run: BudgetedRun, error: ErrorInfo, signal: AbortSignal): Promise<void>;
  /** Counts the run's time from now on. */
  clock(run: BudgetedRun): RunClock;
}

export interface BudgetedRun {
  readonly agentId: string;
  readonly runId: string;
  readonly taskId: string;
}

export interface RunClock extends AsyncDisposable {
  /** Asks for the time to go on; why not, when there is none left. */
  admit(): Promise<ErrorInfo | undefined>;
  /** Nobody works: the run waits for a person, a worker, the vault or a budget. */
  pause(): void;
  resume(): void;
}

/** Budgets that nobody keeps: for a core without a vault. */
export const NO_BUDGET: RunBudget = {
  atCap: 'stop',
  room: async () => {},
  clock: () => ({
    admit: async () => undefined,
    pause: () => {},
    resume: () => {},
    [Symbol.asyncDispose]: async () => {},
  }),
};

export function budgetedRun({ runId, spec }: Pick<RunWriter, 'runId' | 'spec'>): BudgetedRun {
  return { agentId: spec.agentId, runId, taskId: spec.taskId ?? runId };
}

/** Whether the run waits there. What calls under way hold comes back by itself, so nobody has to be asked for it. */
export function waitsAtCap(error: ErrorInfo, { atCap }: Pick<RunBudget, 'atCap'>): boolean {
  if (error.code !== 'budget.exceeded' || error.budget === undefined) return false;
  return atCap === 'ask' || error.budget.temporary;
}

/** What people read while it waits. */
export function waitingAtCap(error: ErrorInfo): EventOf<'run.waiting'> {
  const detail = error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`;
  const { resetsAt } = error.budget ?? {};
  return {
    type: 'run.waiting',
    on: 'budget',
    detail,
    ...(typeof resetsAt === 'number' ? { deadline: resetsAt } : {}),
    ...(error.budget === undefined ? {} : { budget: error.budget }),
  };
}
