import type { SessionView } from '../../../src/protocol/api.ts';
import { useNow } from '../app-context.tsx';
import { formatAge } from '../format.ts';
import { chatPath, Link } from '../router.tsx';
import { Skeleton } from '../ui/basics.tsx';

export function SessionList({
  sessions,
  agentId,
  shown,
  onPick,
}: {
  sessions: readonly SessionView[] | undefined;
  agentId: string;
  shown: string | undefined;
  onPick: () => void;
}) {
  const now = useNow(60_000);
  if (!sessions) return <Skeleton className="h-12" />;
  if (sessions.length === 0)
    return <p className="px-2 py-1.5 text-[13px] text-muted">Your first message starts a session.</p>;
  return (
    <ul className="flex flex-col gap-0.5">
      {sessions.map((session) => (
        <li key={session.id}>
          <Link
            href={chatPath(agentId, session.id)}
            onClick={onPick}
            aria-current={session.id === shown ? 'true' : undefined}
            className="block rounded-md px-2.5 py-2 hover:bg-hover aria-[current=true]:bg-raised"
          >
            <span className="block truncate text-[13px] font-medium">{session.title || 'New session'}</span>
            <span className="flex justify-between gap-2 text-xs text-muted">
              <span>{formatAge(session.lastMessageAt ?? session.createdAt, now)}</span>
              {session.channel !== 'local' && <span>{session.channel}</span>}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
