import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import type { MessageView } from '../../../src/protocol/api.ts';
import type { LaneMode } from '../../../src/protocol/lane-mode.ts';
import { useApp } from '../app-context.tsx';
import { chatPath, navigate } from '../router.tsx';
import { type NamedError, toNamedError } from '../ui/basics.tsx';

export interface Sending {
  /** The text on its way; undefined when none is. */
  readonly pending: string | undefined;
  readonly failed: { readonly text: string; readonly error: NamedError } | undefined;
  readonly send: (text: string, mode?: LaneMode) => void;
  readonly dismiss: () => void;
}

/**
 * Sends one message at a time. A text that failed keeps its client message id, so sending it again cannot make a
 * second message when only the answer to the first was lost.
 */
export function useSend(agentId: string, sessionId: string | undefined): Sending {
  const { api } = useApp();
  const queries = useQueryClient();
  const [pending, setPending] = useState<string>();
  const [failed, setFailed] = useState<Sending['failed']>();
  const ids = useRef(new Map<string, string>());

  const send = async (text: string, mode?: LaneMode) => {
    setPending(text);
    setFailed(undefined);
    const clientMessageId = ids.current.get(text) ?? newId();
    ids.current.set(text, clientMessageId);
    try {
      const message = await api.send(agentId, {
        text,
        clientMessageId,
        ...(sessionId === undefined ? {} : { sessionId }),
        ...(mode === undefined ? {} : { mode }),
      });
      ids.current.delete(text);
      queries.setQueryData<MessageView[]>(['history', message.sessionId], (known = []) =>
        known.some((entry) => entry.id === message.id) ? known : [...known, message],
      );
      void queries.invalidateQueries({ queryKey: ['history', message.sessionId] });
      void queries.invalidateQueries({ queryKey: ['sessions', agentId] });
      if (message.sessionId !== sessionId) navigate(chatPath(agentId, message.sessionId), { replace: true });
    } catch (thrown) {
      setFailed({ text, error: toNamedError(thrown) });
    } finally {
      setPending(undefined);
    }
  };
  return { pending, failed, send: (text, mode) => void send(text, mode), dismiss: () => setFailed(undefined) };
}

/** `crypto.randomUUID` exists only on secure origins; an owner may serve the page over plain HTTP on a private network. */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
