import { CREDENTIAL_KINDS, type CredentialKind } from '../../../src/protocol/credential-kinds.ts';

const LONG: readonly string[] = ['private_key', 'certificate', 'ca'];
const FIELD = 'w-full rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint';

/** One field for each part of a kind. Secret ones are not echoed and not offered to the browser's memory. */
export function PartFields({
  kind,
  parts,
  onChange,
}: {
  kind: CredentialKind;
  parts: Readonly<Record<string, string>>;
  onChange: (parts: Record<string, string>) => void;
}) {
  const { required, optional, open } = CREDENTIAL_KINDS[kind];
  const shown: readonly string[] = open;
  return [...required, ...optional].map((part: string) => {
    const needed = (required as readonly string[]).includes(part);
    const shared = {
      'aria-label': part,
      required: needed,
      value: parts[part] ?? '',
      autoComplete: 'off',
      spellCheck: false,
      onChange: (event: { target: { value: string } }) => onChange({ ...parts, [part]: event.target.value }),
    };
    return (
      <div key={part}>
        <span className="mb-1 block text-[13px] text-muted">
          {part.replaceAll('_', ' ')}
          {needed ? '' : ' (optional)'}
        </span>
        {LONG.includes(part) ? (
          <textarea {...shared} rows={4} className={`${FIELD} py-2 font-mono text-xs`} />
        ) : (
          <input
            {...shared}
            type={shown.includes(part) ? 'text' : 'password'}
            autoComplete={shown.includes(part) ? 'off' : 'new-password'}
            className={`${FIELD} h-8`}
          />
        )}
      </div>
    );
  });
}

/** Only what was filled in. */
export function filledParts(parts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== ''));
}
