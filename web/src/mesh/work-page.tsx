import { useQuery } from '@tanstack/react-query';
import { ListChecks } from 'lucide-react';
import { useState } from 'react';
import type { BlackboardEntry, TaskView } from '../../../src/protocol/mesh.ts';
import { agentTitle, useAgents, useApp } from '../app-context.tsx';
import { formatClock } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import {
  Button,
  Empty,
  ErrorNote,
  type NamedError,
  Page,
  PageTitle,
  SkeletonRows,
  toNamedError,
} from '../ui/basics.tsx';

const STATE_LOOK: Readonly<Record<string, string>> = {
  blocked: 'bg-warn-soft text-warn',
  failed: 'bg-danger-soft text-danger',
  working: 'bg-accent-soft text-accent',
};

/** What agents handed to each other, and what they share. */
export function WorkPage() {
  const { api } = useApp();
  const [all, setAll] = useState(false);
  const tasks = useQuery({ queryKey: ['tasks', { all }], queryFn: () => api.tasks(!all), refetchInterval: 10_000 });
  const board = useQuery({ queryKey: ['blackboard'], queryFn: () => api.blackboard(''), refetchInterval: 10_000 });
  return (
    <Page>
      <PageTitle title="Work">
        <Button look="quiet" aria-pressed={all} onClick={() => setAll(!all)}>
          {all ? 'Show open tasks only' : 'Show finished tasks too'}
        </Button>
      </PageTitle>
      {tasks.isPending && <SkeletonRows rows={3} />}
      {tasks.error && <ErrorNote error={toNamedError(tasks.error)} />}
      {tasks.data?.length === 0 && (
        <Empty icon={ListChecks} title="No open task">
          Agents hand work to each other with hand_off; it stands here until it is over.
        </Empty>
      )}
      <ul className="flex flex-col gap-2">
        {tasks.data?.map((task) => (
          <li key={task.id}>
            <TaskCard task={task} onChange={() => void tasks.refetch()} />
          </li>
        ))}
      </ul>
      <h2 className="mt-8 mb-2 text-[15px] font-semibold">Blackboard</h2>
      {board.error && <ErrorNote error={toNamedError(board.error)} />}
      {board.data?.length === 0 && <p className="text-[13px] text-muted">Nothing is written on it yet.</p>}
      <ul className="flex flex-col gap-1">
        {board.data?.map((entry) => (
          <li key={entry.key}>
            <EntryRow entry={entry} />
          </li>
        ))}
      </ul>
    </Page>
  );
}

function TaskCard({ task, onChange }: { task: TaskView; onChange: () => void }) {
  const { api } = useApp();
  const agents = useAgents();
  const [error, setError] = useState<NamedError>();
  const name = (id: string | null): string => (id === null ? 'anybody of the team' : agentTitle(agents.data, id));
  const cancel = () => {
    api.cancelTask(task.id).then(onChange, (thrown: unknown) => setError(toNamedError(thrown)));
  };
  return (
    <article className="card flex flex-col gap-1.5 p-3">
      <div className="flex flex-wrap items-center gap-2">
        <span
          className={`rounded px-1.5 py-0.5 text-xs font-medium ${STATE_LOOK[task.state] ?? 'bg-raised text-muted'}`}
        >
          {task.state}
        </span>
        <strong className="min-w-0 flex-1 font-semibold break-words">{task.summary}</strong>
        {task.finishedAt === null && (
          <Button look="danger" onClick={cancel} aria-label={`Take back: ${task.summary}`}>
            Take back
          </Button>
        )}
      </div>
      <p className="text-[13px] text-muted">
        {name(task.creator)} → {name(task.assignee)} · {formatClock(task.createdAt)}
        {task.runId !== null && (
          <>
            {' · '}
            <Link href={runPath(task.runId)} className="text-accent hover:underline">
              its run
            </Link>
          </>
        )}
      </p>
      {(task.note !== '' || task.result !== null) && (
        <p className="text-[13px] break-words whitespace-pre-wrap">{task.result ?? task.note}</p>
      )}
      {error && <ErrorNote error={error} />}
    </article>
  );
}

function EntryRow({ entry }: { entry: BlackboardEntry }) {
  const outside = entry.label.integrity === 'untrusted';
  return (
    <details className="card px-3 py-2 text-[13px]">
      <summary className="flex cursor-pointer flex-wrap items-baseline gap-x-2">
        <code className="font-mono break-all">{entry.key}</code>
        <span className="text-muted">
          v{entry.version} by {entry.writtenBy}, {formatClock(entry.updatedAt)}
        </span>
        {outside && <span className="rounded bg-warn-soft px-1.5 text-xs text-warn">from outside</span>}
      </summary>
      <pre className="scroll mt-2 max-h-80 overflow-auto font-mono text-xs whitespace-pre-wrap">
        {JSON.stringify(entry.value, undefined, 2)}
      </pre>
    </details>
  );
}
