import { useId } from 'react';
import type { ApprovalView } from '../../../src/protocol/api.ts';
import type { GrantChoice, GrantTerm } from '../../../src/protocol/grant.ts';

const TERMS: readonly { term: GrantTerm; name: string }[] = [
  { term: 'task', name: 'For this task' },
  { term: 'week', name: 'For 7 days' },
  { term: 'always', name: 'Always' },
];

export type Scope = GrantChoice | undefined;

/** How long a yes holds. "Once" comes first; the words under it say exactly what else would be allowed. */
export function ScopeChoice({
  offers,
  scope,
  onScope,
}: {
  offers: NonNullable<ApprovalView['offers']>;
  scope: Scope;
  onScope: (scope: Scope) => void;
}) {
  const id = useId();
  if (offers.length === 0) return null;
  const chosen = offers.find((offer) => offer.width === scope?.width);
  return (
    <div className="min-w-0 px-4 pb-3 text-[13px]">
      <label htmlFor={id} className="mr-2 text-muted">
        Allow
      </label>
      <select
        id={id}
        value={scope === undefined ? '' : `${scope.width} ${scope.term}`}
        onChange={(event) => onScope(toScope(event.target.value))}
        className="h-8 max-w-full rounded-md border border-line-strong bg-surface px-2"
      >
        <option value="">Just this once</option>
        {offers.map((offer) =>
          TERMS.map(({ term, name }) => (
            <option key={`${offer.width} ${term}`} value={`${offer.width} ${term}`}>
              {name}, {offer.width === 'exact' ? 'exactly this' : 'and the like'}
            </option>
          )),
        )}
      </select>
      {chosen !== undefined && <p className="mt-1.5 text-warn wrap-anywhere">Without asking again: {chosen.words}</p>}
    </div>
  );
}

function toScope(value: string): Scope {
  const [width, term] = value.split(' ');
  const known = TERMS.find((one) => one.term === term);
  if (known === undefined || (width !== 'exact' && width !== 'similar')) return undefined;
  return { width, term: known.term };
}
