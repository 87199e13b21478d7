import { type FormEvent, useState } from 'react';
import type { CredentialView } from '../../../src/protocol/credential.ts';
import { Button, ErrorNote, type NamedError, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { filledParts, PartFields } from './part-fields.tsx';
import type { PageChange } from './submit-change.ts';

export function RotateDialog({
  credential,
  onClose,
  onSubmit,
}: {
  credential: CredentialView;
  onClose: () => void;
  onSubmit: (change: PageChange) => Promise<void>;
}) {
  const [parts, setParts] = useState<Record<string, string>>({});
  const [error, setError] = useState<NamedError>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    const change = { kind: 'credential.rotate', name: credential.name, parts: filledParts(parts) } as const;
    await onSubmit(change).catch((thrown: unknown) => setError(toNamedError(thrown)));
  };
  return (
    <Dialog title={`New value for ${credential.name}`} onClose={onClose}>
      <form className="flex flex-col gap-3" autoComplete="off" onSubmit={(event) => void submit(event)}>
        <PartFields kind={credential.kind} parts={parts} onChange={setParts} />
        {error && <ErrorNote error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit">
            Seal and send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
