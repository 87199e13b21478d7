import { formatClock } from '../format.ts';

export function UserBubble({ text, note, at }: { text: string; note?: string | undefined; at?: number }) {
  return (
    <div className="flex flex-col items-end gap-1">
      <div className="max-w-[85%] rounded-2xl rounded-br-md bg-accent-soft px-4 py-2.5 wrap-anywhere whitespace-pre-wrap">
        {text}
      </div>
      <p className="text-xs text-muted">
        {note ?? (at !== undefined && <time dateTime={new Date(at).toISOString()}>{formatClock(at)}</time>)}
      </p>
    </div>
  );
}

/** What the host itself says in a conversation: a background worker settled. */
export function HostNote({ text, at }: { text: string; at: number }) {
  return (
    <p className="flex flex-wrap items-baseline gap-x-2 border-l-2 border-line pl-3 text-[13px] text-muted wrap-anywhere">
      <span>{text}</span>
      <time dateTime={new Date(at).toISOString()} className="text-xs">
        {formatClock(at)}
      </time>
    </p>
  );
}
