/** What may follow what. A task that is over stays over; whatever it still needs is a new task. */
export const TASK_STATES = ['pending', 'accepted', 'working', 'blocked', 'done', 'failed', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

const NEXT: Readonly<Record<TaskState, readonly TaskState[]>> = {
  pending: ['accepted', 'working', 'blocked', 'cancelled', 'failed'],
  accepted: ['working', 'blocked', 'done', 'cancelled', 'failed'],
  working: ['blocked', 'done', 'failed', 'cancelled'],
  blocked: ['working', 'done', 'cancelled', 'failed'],
  done: [],
  failed: [],
  cancelled: [],
};

export const isOver = (state: string): boolean => state === 'done' || state === 'failed' || state === 'cancelled';
export const mayBecome = (from: string, to: TaskState): boolean => NEXT[from as TaskState]?.includes(to) === true;
/** States from which `to` is reached, for the guard of a write. */
export const leadTo = (to: TaskState): TaskState[] => TASK_STATES.filter((state) => NEXT[state].includes(to));

export const EVIDENCE_KINDS = ['artifact', 'blackboard', 'effect', 'url', 'note'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];
