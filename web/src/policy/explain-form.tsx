import { type FormEvent, useState } from 'react';
import type { Explanation } from '../../../src/protocol/explanation.ts';
import type { PolicyView } from '../../../src/protocol/policy-view.ts';
import { useApp } from '../app-context.tsx';
import { Button, ErrorNote, type NamedError, toNamedError } from '../ui/basics.tsx';
import { FIELD, Labelled } from './fields.tsx';
import { Verdict } from './verdict.tsx';

/** “Would it be allowed, and why?” for one agent, or for a worker that it starts. */
export function ExplainForm({ agent, templates }: { agent: string; templates: PolicyView['workers'] }) {
  const { api } = useApp();
  const [worker, setWorker] = useState('');
  const [action, setAction] = useState('');
  const [resource, setResource] = useState('');
  const [told, setTold] = useState<Explanation>();
  const [error, setError] = useState<NamedError>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    const who = worker === '' ? agent : `${agent}/${worker}`;
    const thing = resource.trim();
    await api
      .explain({ agent: who, action: action.trim(), ...(thing === '' ? {} : { resource: thing }) })
      .then(setTold, (thrown: unknown) => {
        setTold(undefined);
        setError(toNamedError(thrown));
      });
  };

  return (
    <section aria-label="Explain" className="card p-4">
      <h2 className="font-semibold">Would it be allowed?</h2>
      <form
        className="mt-3 grid gap-3 sm:grid-cols-[10rem_1fr_1.6fr_auto] sm:items-end"
        onSubmit={(event) => void submit(event)}
      >
        <Labelled text="As">
          <select value={worker} onChange={(event) => setWorker(event.target.value)} className={FIELD}>
            <option value="">{agent} itself</option>
            {templates.map(({ template }) => (
              <option key={template} value={template}>
                its {template}
              </option>
            ))}
          </select>
        </Labelled>
        <Labelled text="Tool or action">
          <input
            required
            value={action}
            placeholder="web_fetch"
            onChange={(event) => setAction(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        <Labelled text="What it would touch">
          <input
            value={resource}
            placeholder="https://example.org, ~/reports, blackboard.write:…"
            onChange={(event) => setResource(event.target.value)}
            className={FIELD}
          />
        </Labelled>
        <Button type="submit" look="primary">
          Explain
        </Button>
      </form>
      <div aria-live="polite" className="mt-3">
        {error && <ErrorNote error={error} />}
        {told && <Told told={told} />}
      </div>
    </section>
  );
}

function Told({ told: { decision, considered, changes } }: { told: Explanation }) {
  return (
    <>
      <p className="flex flex-wrap items-center gap-2">
        <Verdict kind={decision.kind} />
        <code className="font-mono text-xs text-muted">{decision.rule}</code>
      </p>
      <ol className="mt-2 divide-y divide-line border-y border-line text-[13px]">
        {considered.map((rule) => (
          <li
            key={`${rule.rule} ${rule.about}`}
            className="grid gap-x-3 py-1.5 sm:grid-cols-[7.5rem_14rem_1fr]"
            aria-current={rule.decided || undefined}
          >
            <span>
              <Verdict kind={rule.verdict} />
            </span>
            <span className={rule.decided ? 'font-semibold' : ''}>
              <code className="font-mono text-xs wrap-anywhere">{rule.rule}</code>
              {rule.decided && <span className="text-xs text-muted"> decided</span>}
            </span>
            <span className="min-w-0 wrap-anywhere text-muted">
              {rule.why} <span className="text-xs">({rule.about})</span>
            </span>
          </li>
        ))}
      </ol>
      {changes.length > 0 && (
        <>
          <h3 className="mt-3 text-[13px] font-semibold">What would change it</h3>
          <ul className="list-disc pl-5 text-[13px] wrap-anywhere">
            {changes.map((change) => (
              <li key={change}>{change}</li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
