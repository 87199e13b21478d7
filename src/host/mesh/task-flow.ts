import { newId } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { MessageId } from '../../protocol/ids.ts';
import type { Label } from '../../protocol/label.ts';
import { RunResult } from '../../protocol/run.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import { chatSpec } from '../inbox/chat-run.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Sessions } from '../inbox/sessions.ts';
import { labels } from '../labels/stored-label.ts';
import { childRunId } from '../runs/hashes.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { RunsTable } from '../runs/tables.ts';
import { wasRefused } from '../steering/refused-unit.ts';
import { HOST_PRINCIPAL } from '../workers/follow-up.ts';
import { type Evidence, missingEvidence } from './evidence.ts';
import type { Notices } from './notices.ts';
import type { TasksTable } from './tables.ts';
import { isOver, type TaskState } from './task-states.ts';
import { assignmentText, outcomeText } from './task-text.ts';
import type { Tasks } from './tasks.ts';

/**
 * What tasks set off. A task that waits for nothing wakes its assignee with a message of its own conversation; the end of
 * that run closes the task in the same unit, and whoever handed it off is told: in the conversation it came from, else in
 * its inbox. What must follow a commit (waking, dependents) is found again by `sweep` after a crash.
 */
export interface TaskFlow {
  start(task: TasksTable): Promise<void>;
  /** Rows for the unit that ends a run that works on a task. */
  onFinish(writer: RunWriter, event: EventOf<'run.finished'>): Promise<Statement[]>;
  /** After that unit. */
  onSettled(runId: string): Promise<void>;
  close(task: TasksTable, ending: Ending): Promise<boolean>;
  /** Whoever works on it is stopped. */
  cancel(task: TasksTable, why: Pick<Ending, 'text' | 'label'>): Promise<void>;
  /** Starts what could be started and was not. */
  sweep(): Promise<void>;
}

export interface Ending {
  readonly state: Extract<TaskState, 'done' | 'failed' | 'cancelled' | 'blocked'>;
  readonly text: string;
  readonly label: Label;
  readonly evidence?: readonly Evidence[];
  /** Other rows of the same unit. */
  readonly also?: readonly Statement[];
}

export interface TaskFlowDeps {
  readonly store: Store;
  readonly tasks: Tasks;
  readonly notices: Notices;
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly runs: RunStore;
  readonly agentRuns: AgentRuns;
  readonly manager: () => RunManager;
}

const AT_ONCE = 500;

export function createTaskFlow(deps: TaskFlowDeps): TaskFlow {
  const { store, tasks, notices, lanes, runs } = deps;

  const start = async (task: TasksTable): Promise<void> => {
    const { assignee } = task;
    if (assignee === null || task.run_id !== null || isOver(task.state)) return;
    if ((await tasks.waitsFor(task.id)).length > 0) return;
    const session = await deps.sessions.active({ agentId: assignee, channel: 'task', chatId: task.id });
    const { message } = await deps.inbox.receive({
      channel: 'task',
      platformMessageId: `task:${task.id}:${task.depth}`,
      session,
      principal: task.principal,
      text: assignmentText(task),
      label: labels.rejoin(task.label),
      mode: 'queue',
    });
    if (message.run_id === '') return void (await close(task, refusedEnding(task, message.error)));
    // The task knows its run before the run can end.
    if (await wasRefused(store.write([tasks.change(task, 'working', { run_id: message.run_id })]))) return;
    lanes.add(session.id, message.run_id);
    const run = await runs.find(message.run_id);
    if (run?.finished_at != null) await closeAfter(run, await tasks.get(task.id), close);
  };

  const close = async (task: TasksTable, ending: Ending): Promise<boolean> => {
    const told = await tell(task, ending, deps);
    const unit = [closing(task, ending, tasks), ...told.statements, ...(ending.also ?? [])];
    if (await wasRefused(store.write(unit))) return false;
    await after(task, told.follow);
    return true;
  };

  const after = async (task: TasksTable, follow: Follow | undefined): Promise<void> => {
    if (follow !== undefined) lanes.add(follow.sessionId, follow.runId);
    await advance(task.id);
    await notices.deliver();
  };

  const advance = async (id: string): Promise<void> => {
    const { state, summary } = await tasks.get(id);
    for (const dependent of await tasks.dependents(id)) {
      if (state === 'done') await start(dependent);
      else if (isOver(state) && dependent.state === 'pending') {
        const text = `It waits for ${id} (${summary}), which is ${state}.`;
        await close(dependent, { state: 'blocked', text, label: labels.rejoin(dependent.label) });
      }
    }
  };

  return {
    start,
    close,
    async onFinish(writer, event) {
      if (writer.spec.kind !== 'chat' || event.state === 'asked') return [];
      const [task] = await tasks.ofRun(writer.runId);
      // What it handed on comes back to it first: the answer to that will close it.
      if (task === undefined || (await tasks.openChildren(task.id)).length > 0) return [];
      const ending = endingOf(task, event, writer.progress.label);
      return [closing(task, ending, tasks), ...(await tell(task, ending, deps)).statements];
    },
    async onSettled(runId) {
      const closed = await tasks.closedBy(runId);
      for (const task of closed) await after(task, followOf(task, task.state));
    },
    async cancel(task, why) {
      if (!(await close(task, { state: 'cancelled', ...why }))) throw moved(task);
      if (task.run_id !== null) await deps.manager().cancel(task.run_id, `The task ${task.id} was taken back.`);
    },
    async sweep() {
      for (const task of await tasks.list({ open: true, limit: AT_ONCE }))
        if (task.run_id === null && task.state !== 'blocked') await start(task);
      await notices.deliver();
    },
  };
}

const moved = (task: TasksTable): HoldfastError =>
  new HoldfastError('conflict', `The task ${task.id} is over or has changed meanwhile.`, {
    remedy: 'Look at it again.',
  });

interface Follow {
  readonly sessionId: string;
  readonly runId: string;
}

const followOf = (task: TasksTable, state: string): Follow | undefined =>
  task.session_id === null
    ? undefined
    : { sessionId: task.session_id, runId: childRunId(`task:${task.id}:${state}:${task.version}`) };

function closing(task: TasksTable, { state, text, label, evidence }: Ending, tasks: Tasks): Statement {
  const given = evidence === undefined ? {} : { evidence: JSON.stringify(evidence) };
  return state === 'done'
    ? tasks.change(task, state, { result: text, result_label: labels.store(label), ...given })
    : tasks.change(task, state, { note: text, ...given });
}

/** A run that ends without the evidence that its task needs leaves it blocked, never done. */
function endingOf(task: TasksTable, event: EventOf<'run.finished'>, label: Label): Ending {
  const text = event.result.text;
  if (event.state !== 'done') return { state: 'failed', text: event.error?.message ?? text, label };
  const missing = missingEvidence(task.required, JSON.parse(task.evidence) as Evidence[]);
  if (missing.length === 0) return { state: 'done', text, label };
  return { state: 'blocked', text: `It ended without the evidence it needs (${missing.join(', ')}). ${text}`, label };
}

function refusedEnding(task: TasksTable, error: string | null): Ending {
  return { state: 'failed', text: `It was not taken: ${error ?? 'refused'}`, label: labels.rejoin(task.label) };
}

/** Rows that tell whoever handed it off. */
async function tell(
  task: TasksTable,
  { state, text, label }: Ending,
  deps: TaskFlowDeps,
): Promise<{ statements: Statement[]; follow: Follow | undefined }> {
  const said = outcomeText(task, state, text);
  const follow = followOf({ ...task, version: task.version + 1 }, state);
  if (follow === undefined) {
    const notice = deps.notices.row({ agentId: task.creator, kind: 'task', text: said, label });
    return { statements: [notice], follow };
  }
  const session = await deps.sessions.get(follow.sessionId);
  const id = newId(MessageId, 'msg');
  const spec = await chatSpec({ id, text: said, session, label }, deps.agentRuns);
  const row = deps.inbox.add({
    id,
    channel: session.channel,
    platformMessageId: `task-over:${task.id}:${task.version + 1}`,
    session,
    principal: HOST_PRINCIPAL,
    text: said,
    runId: follow.runId,
  });
  const parent = task.parent_id === null ? undefined : await deps.tasks.find(task.parent_id);
  const handsBack = parent !== undefined && !isOver(parent.state) && parent.assignee === session.agent_id;
  const goesOn = handsBack ? [deps.tasks.change(parent, 'working', { run_id: follow.runId })] : [];
  return { statements: [...goesOn, row, deps.manager().create(spec, follow.runId).statement], follow };
}

/** A run that was over before its task knew of it: only after a crash between the two. */
async function closeAfter(run: RunsTable, task: TasksTable, close: TaskFlow['close']): Promise<void> {
  const text = RunResult.catch({ kind: 'error', text: '', artifacts: [] }).parse(JSON.parse(run.result ?? 'null')).text;
  const state = run.state === 'done' ? 'done' : 'failed';
  if (!isOver(task.state)) await close(task, { state, text, label: labels.rejoin(task.label) });
}
