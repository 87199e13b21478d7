import { type FormEvent, type ReactNode, useState } from 'react';
import { AREA, FIELD, Labelled } from '../policy/fields.tsx';
import { Button, ErrorNote, type NamedError, toNamedError } from './basics.tsx';

/** A form that sends once at a time and shows in the host's words what went wrong. */
export function SendForm({
  children,
  label,
  onSend,
  look = 'primary',
}: {
  children: ReactNode;
  label: string;
  onSend: () => Promise<unknown>;
  look?: 'primary' | 'danger';
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<NamedError>();
  const [sent, setSent] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    setSent(false);
    await onSend().then(
      () => setSent(true),
      (thrown: unknown) => setError(toNamedError(thrown)),
    );
    setBusy(false);
  };
  return (
    <form className="flex flex-col gap-3" autoComplete="off" onSubmit={(event) => void submit(event)}>
      {children}
      {error && <ErrorNote error={error} />}
      <div className="flex items-center gap-3">
        <Button look={look} type="submit" disabled={busy}>
          {label}
        </Button>
        <p role="status" className="text-[13px] text-muted">
          {sent ? 'Saved.' : ''}
        </p>
      </div>
    </form>
  );
}

export function TextField({
  label,
  value,
  onChange,
  ...rest
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  pattern?: string;
  required?: boolean;
  maxLength?: number;
}) {
  return (
    <Labelled text={label}>
      <input
        aria-label={label}
        className={FIELD}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      />
    </Labelled>
  );
}

export function TextArea({
  label,
  value,
  onChange,
  rows = 6,
  ...rest
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  readOnly?: boolean;
  placeholder?: string;
}) {
  return (
    <Labelled text={label}>
      <textarea
        aria-label={label}
        rows={rows}
        className={AREA}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      />
    </Labelled>
  );
}

export const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');
