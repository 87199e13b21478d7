import type { Permissions } from '../../../src/protocol/permission.ts';
import type { PolicyView } from '../../../src/protocol/policy-view.ts';
import { Fold } from '../ui/basics.tsx';

/** What holds for one agent now. Only what grants something is shown: the rest is denied. */
export function RulesCard({ view }: { view: PolicyView }) {
  return (
    <section aria-label="Rules" className="card p-4">
      <h2 className="font-semibold">What {view.agentId} may do</h2>
      <p className="text-[13px] text-muted">
        {view.isOperator && 'It only plans and delegates; these are the bounds of what it can pass on. '}
        What is not listed is denied.
      </p>
      <Granted tools={view.tools} permissions={view.permissions} />
      {view.workers.map(({ template, tools, permissions }) => (
        <Fold key={template} summary={`Its ${template}`} className="mt-2">
          <Granted tools={tools} permissions={permissions} />
        </Fold>
      ))}
      <h3 className="mt-4 text-[13px] font-semibold">Never, whatever anybody allows</h3>
      {view.floor.length === 0 && (
        <p className="text-[13px] text-muted">No rules. They stand in policy.floor of config.json.</p>
      )}
      <ul className="font-mono text-xs wrap-anywhere">
        {view.floor.map((rule) => (
          <li key={rule}>{rule}</li>
        ))}
      </ul>
    </section>
  );
}

function Granted({ tools, permissions }: { tools: readonly string[]; permissions: Permissions }) {
  const rows = [['tools', tools.join(', ') || 'none'] as const, ...grantedFields(permissions)];
  return (
    <dl className="mt-2 grid gap-x-4 gap-y-1 text-[13px] sm:grid-cols-[14rem_1fr]">
      {rows.map(([field, value]) => (
        <div key={field} className="contents">
          <dt className="font-mono text-xs text-muted">{field}</dt>
          <dd className="min-w-0 wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function grantedFields(permissions: Permissions): (readonly [string, string])[] {
  return Object.entries(permissions).flatMap(([field, value]) => {
    const idle =
      (field.startsWith('wallet_') && !permissions.can_use_wallet) ||
      (field === 'browser_actions' && !permissions.can_use_browser) ||
      (field === 'allowed_hosts' && !permissions.can_use_internet && !permissions.can_use_browser);
    if (idle || value === false || (Array.isArray(value) && value.length === 0)) return [];
    return [[field, textOf(value)] as const];
  });
}

function textOf(value: Permissions[keyof Permissions]): string {
  if (value === null) return 'all';
  if (value === true) return 'yes';
  if (!Array.isArray(value)) return String(value);
  return value.map((entry) => (typeof entry === 'string' ? entry : `${entry.path} (${entry.mode})`)).join(', ');
}
