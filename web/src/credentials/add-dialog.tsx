import { type FormEvent, useState } from 'react';
import { CREDENTIAL_KINDS, type CredentialKind } from '../../../src/protocol/credential-kinds.ts';
import { Button, ErrorNote, type NamedError, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { filledParts, PartFields } from './part-fields.tsx';
import type { PageChange } from './submit-change.ts';

const FIELD = 'h-8 w-full rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint';
const KINDS = Object.keys(CREDENTIAL_KINDS) as CredentialKind[];
const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

export function AddDialog({
  onClose,
  onSubmit,
}: {
  onClose: () => void;
  onSubmit: (change: PageChange) => Promise<void>;
}) {
  const [kind, setKind] = useState<CredentialKind>('value');
  const [name, setName] = useState('');
  const [parts, setParts] = useState<Record<string, string>>({});
  const [agents, setAgents] = useState('');
  const [places, setPlaces] = useState('');
  const [note, setNote] = useState('');
  const [error, setError] = useState<NamedError>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const facts = { kind, note: note.trim(), places: words(places) };
    const change = { kind: 'credential.add', name: name.trim().toLowerCase(), facts, agents: words(agents) } as const;
    await onSubmit({ ...change, parts: filledParts(parts) }).catch((thrown: unknown) => setError(toNamedError(thrown)));
    setBusy(false);
  };

  return (
    <Dialog title="Add a credential" onClose={onClose}>
      <form className="flex flex-col gap-3" autoComplete="off" onSubmit={(event) => void submit(event)}>
        <Labelled text="Name">
          <input
            required
            aria-label="Name"
            placeholder="brave_search"
            pattern="[A-Za-z0-9][A-Za-z0-9_.\-]*"
            maxLength={128}
            value={name}
            onChange={(event) => setName(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        <Labelled text="Kind">
          <select
            aria-label="Kind"
            value={kind}
            onChange={(event) => setKind(KINDS.find((one) => one === event.target.value) ?? 'value')}
            className={FIELD}
          >
            {KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </Labelled>
        <PartFields kind={kind} parts={parts} onChange={setParts} />
        <Labelled text="Agents that may use it">
          <input
            aria-label="Agents"
            placeholder="scout, writer"
            value={agents}
            onChange={(event) => setAgents(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        <Labelled text="Places it may be sent to (none: only services that name it)">
          <input
            aria-label="Places"
            placeholder="https://api.search.brave.com"
            value={places}
            onChange={(event) => setPlaces(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        <Labelled text="Note">
          <input
            aria-label="Note"
            maxLength={500}
            value={note}
            onChange={(event) => setNote(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        {error && <ErrorNote error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" disabled={busy}>
            Seal and send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Labelled({ text, children }: { text: string; children: React.ReactNode }) {
  return (
    <div>
      <span className="mb-1 block text-[13px] text-muted">{text}</span>
      {children}
    </div>
  );
}
