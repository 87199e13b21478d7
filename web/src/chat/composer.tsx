import { useQuery } from '@tanstack/react-query';
import { ArrowUp, CornerDownRight, Square } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { RunView } from '../../../src/protocol/api.ts';
import type { LaneMode } from '../../../src/protocol/lane-mode.ts';
import { useApp } from '../app-context.tsx';
import { ErrorNote, type NamedError, toNamedError } from '../ui/basics.tsx';
import type { Sending } from './use-send.ts';

export const MAX_MESSAGE_CHARS = 200_000;

/**
 * Enter sends, Shift+Enter starts a new line. While the agent works, Stop and Steer stand beside Send: a steering message
 * is read before the agent's next step instead of waiting its turn (Ctrl+Enter).
 */
export function Composer({
  sending,
  sessionId,
  agentName,
}: {
  sending: Sending;
  sessionId: string | undefined;
  agentName: string;
}) {
  const [text, setText] = useState('');
  const { failed, dismiss } = sending;
  useEffect(() => {
    if (failed) setText((current) => (current === '' ? failed.text : current));
  }, [failed]);

  const tooLong = text.length > MAX_MESSAGE_CHARS;
  const canSend = text.trim() !== '' && sending.pending === undefined && !tooLong;
  const active = useActiveRun(sessionId);
  const submit = (mode?: LaneMode) => {
    if (!canSend) return;
    sending.send(text, mode);
    setText('');
  };

  return (
    <form
      className="shrink-0 px-3 pb-3 sm:px-5"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="mx-auto flex max-w-3xl flex-col gap-2">
        {failed && <ErrorNote error={failed.error} />}
        {tooLong && (
          <ErrorNote
            error={{
              code: 'too-large',
              message: `The message has ${text.length.toLocaleString()} characters; at most ${MAX_MESSAGE_CHARS.toLocaleString()} fit.`,
              remedy: 'Put the text into a file and name its folder instead.',
            }}
          />
        )}
        <div className="card flex items-end gap-2 border-line-strong p-1.5 shadow-card focus-within:border-accent">
          <textarea
            data-composer
            aria-label={`Message to ${agentName}`}
            placeholder={`Message ${agentName}`}
            rows={1}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              dismiss();
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              submit(active.run !== undefined && (event.ctrlKey || event.metaKey) ? 'steer' : undefined);
            }}
            className="scroll field-sizing-content max-h-48 min-h-9 flex-1 resize-none bg-transparent px-2 py-1.5 text-base outline-none placeholder:text-faint sm:text-[14px]"
          />
          <StopButton active={active} />
          {active.run && canSend && (
            <button
              type="button"
              title="The agent reads it before its next step (Ctrl+Enter)"
              onClick={() => submit('steer')}
              className="inline-flex h-9 shrink-0 items-center gap-1.5 rounded-md border border-line-strong px-3 text-[13px] font-medium hover:bg-hover"
            >
              <CornerDownRight size={14} aria-hidden />
              Steer
            </button>
          )}
          <button
            type="submit"
            aria-label="Send"
            title="Send (Enter)"
            disabled={!canSend}
            className="inline-flex size-9 shrink-0 items-center justify-center rounded-md bg-accent text-accent-text transition-colors hover:bg-accent-hover disabled:bg-raised disabled:text-faint"
          >
            <ArrowUp size={18} aria-hidden />
          </button>
        </div>
      </div>
    </form>
  );
}

interface ActiveRun {
  readonly run: RunView | undefined;
  readonly refetch: () => Promise<unknown>;
}

function useActiveRun(sessionId: string | undefined): ActiveRun {
  const { api } = useApp();
  const active = useQuery({
    queryKey: ['runs', { sessionId, active: true }],
    queryFn: () => api.runs({ sessionId: sessionId ?? '', active: true }),
    enabled: sessionId !== undefined,
  });
  const run = active.data?.find((candidate) => candidate.kind === 'chat') ?? active.data?.[0];
  return { run, refetch: active.refetch };
}

function StopButton({ active }: { active: ActiveRun }) {
  const { api } = useApp();
  const [error, setError] = useState<NamedError>();
  const [stopping, setStopping] = useState<string>();
  const { run } = active;
  if (!run) return null;
  const stop = async () => {
    setStopping(run.id);
    setError(undefined);
    await api.cancelRun(run.id).catch((thrown: unknown) => {
      setError(toNamedError(thrown));
      setStopping(undefined);
    });
    await active.refetch();
  };
  return (
    <button
      type="button"
      disabled={stopping === run.id}
      title={error?.message ?? 'Stop what the agent is doing'}
      onClick={() => void stop()}
      className="inline-flex h-9 shrink-0 items-center gap-1.5 rounded-md border border-line-strong px-3 text-[13px] font-medium hover:bg-hover disabled:opacity-60"
    >
      <Square size={12} aria-hidden className="fill-current" />
      {stopping === run.id ? 'Stopping' : 'Stop'}
    </button>
  );
}
