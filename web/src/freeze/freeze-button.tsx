import { useQueryClient } from '@tanstack/react-query';
import { OctagonX, Pause } from 'lucide-react';
import { useState } from 'react';
import type { FrozenView } from '../../../src/protocol/api.ts';
import { useApp, useSession, useStatus } from '../app-context.tsx';
import { Button, ErrorNote, IconButton, type NamedError, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';

/** The kill switch: one click and one more. It only takes away, so it asks for nothing else. */
export function FreezeButton() {
  const { api } = useApp();
  const queries = useQueryClient();
  const role = useSession()?.role;
  const frozen = useStatus()?.frozen ?? [];
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<NamedError>();
  if ((role !== 'owner' && role !== 'admin') || frozen.some((one) => one.scope === '*')) return null;
  const freeze = async () => {
    setError(undefined);
    try {
      await api.people.freeze('*', 'pulled in the dashboard');
      setAsking(false);
    } catch (thrown) {
      setError(toNamedError(thrown));
    }
    await queries.invalidateQueries({ queryKey: ['status'] });
  };
  return (
    <>
      <IconButton
        icon={OctagonX}
        label="Freeze everything"
        className="hover:text-danger"
        onClick={() => setAsking(true)}
      />
      {asking && (
        <Dialog title="Freeze everything?" onClose={() => setAsking(false)}>
          <p className="mb-4">
            Every way out is shut, running programs end, models are cut. Messages are kept. To go on, your second factor
            or a terminal of the machine is needed.
          </p>
          {error && <ErrorNote error={error} />}
          <div className="mt-4 flex justify-end gap-2">
            <Button onClick={() => setAsking(false)}>Cancel</Button>
            <Button look="danger" onClick={() => void freeze()}>
              <OctagonX size={14} aria-hidden /> Freeze now
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Stands over every page while something is frozen. */
export function FrozenBanner() {
  const frozen = useStatus()?.frozen ?? [];
  const role = useSession()?.role;
  const [resuming, setResuming] = useState<FrozenView>();
  const [first] = frozen;
  if (first === undefined) return null;
  const what = first.scope === '*' ? 'Everything is paused' : `Paused: ${frozen.map((one) => one.scope).join(', ')}`;
  return (
    <>
      <div
        role="status"
        className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1 border-b border-line bg-danger-soft px-4 py-1.5 text-center text-[13px] text-danger"
      >
        <Pause size={15} aria-hidden className="shrink-0 max-sm:hidden" />
        <span className="wrap-anywhere">
          <strong className="font-semibold">{what}.</strong> What you write is kept and answered after a resume.
        </span>
        {(role === 'owner' || role === 'admin') && <Button onClick={() => setResuming(first)}>Resume…</Button>}
      </div>
      {resuming && <ResumeDialog frozen={resuming} onClose={() => setResuming(undefined)} />}
    </>
  );
}

function ResumeDialog({ frozen, onClose }: { frozen: FrozenView; onClose: () => void }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [code, setCode] = useState('');
  const [error, setError] = useState<NamedError>();
  const resume = async () => {
    setError(undefined);
    try {
      await api.people.resume(frozen.scope, code);
      onClose();
    } catch (thrown) {
      setError(toNamedError(thrown));
    }
    await queries.invalidateQueries({ queryKey: ['status'] });
  };
  const command = frozen.scope === '*' ? 'holdfast resume' : `holdfast resume --agent ${frozen.scope}`;
  return (
    <Dialog title="Resume?" onClose={onClose}>
      <p className="mb-3">
        Frozen by {frozen.actor}: {frozen.reason}. Give the code of the owner’s second factor, or type{' '}
        <code className="font-mono text-[13px]">{command}</code> in a terminal of the machine.
      </p>
      <form
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          void resume();
        }}
      >
        <input
          aria-label="Code of the second factor"
          inputMode="numeric"
          autoComplete="one-time-code"
          placeholder="123456"
          required
          maxLength={9}
          value={code}
          onChange={(event) => setCode(event.target.value)}
          className="h-8 w-32 rounded-md border border-line-strong bg-surface px-3 font-mono"
        />
        <Button look="primary" type="submit">
          Resume
        </Button>
      </form>
      {error && (
        <div className="mt-3">
          <ErrorNote error={error} />
        </div>
      )}
    </Dialog>
  );
}
