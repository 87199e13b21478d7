import { type FormEvent, useState } from 'react';
import type { DifferingDecision, TryResult } from '../../../src/protocol/policy-change.ts';
import { useApp } from '../app-context.tsx';
import { Link, runPath } from '../router.tsx';
import { Button, ErrorNote, Fold, type NamedError, toNamedError } from '../ui/basics.tsx';
import { readChange } from './change-draft.ts';
import { AREA, FIELD, Labelled } from './fields.tsx';
import { Verdict } from './verdict.tsx';

const EXAMPLE = '{"agents": {"sales": {"can_spawn": []}}, "grants": {"remove": ["gra_…"]}}';

/** Tries a change of the rules on what really happened. Nothing is saved by it. */
export function TryForm() {
  const { api } = useApp();
  const [never, setNever] = useState('');
  const [json, setJson] = useState('');
  const [days, setDays] = useState(30);
  const [result, setResult] = useState<TryResult>();
  const [error, setError] = useState<NamedError>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const read = readChange({ never, json });
    setError('problem' in read ? { message: read.problem } : undefined);
    if ('problem' in read) return;
    setBusy(true);
    await api.tryPolicy({ change: read.change, days }).then(setResult, (thrown: unknown) => {
      setResult(undefined);
      setError(toNamedError(thrown));
    });
    setBusy(false);
  };

  return (
    <section aria-label="Try a change" className="card p-4">
      <h2 className="font-semibold">Try a change before you make it</h2>
      <p className="text-[13px] text-muted">
        The calls of the last days are decided again. You see every one whose answer would differ. Nothing is saved.
      </p>
      <form className="mt-3 flex flex-col gap-3" onSubmit={(event) => void submit(event)}>
        <Labelled text="Never, one rule a line">
          <textarea
            rows={3}
            value={never}
            placeholder={'host:*.example.net\ntool:run_command'}
            onChange={(event) => setNever(event.target.value)}
            className={AREA}
          />
        </Labelled>
        <Fold summary="Other changes, as JSON">
          <textarea
            rows={4}
            aria-label="Change as JSON"
            value={json}
            placeholder={EXAMPLE}
            onChange={(event) => setJson(event.target.value)}
            className={`mt-2 ${AREA}`}
          />
        </Fold>
        <div className="flex flex-wrap items-end gap-3">
          <div className="w-28">
            <Labelled text="Days back">
              <input
                type="number"
                min={1}
                max={365}
                required
                value={days}
                onChange={(event) => setDays(Number(event.target.value))}
                className={FIELD}
              />
            </Labelled>
          </div>
          <Button type="submit" look="primary" disabled={busy}>
            {busy ? 'Trying…' : 'Try it'}
          </Button>
        </div>
      </form>
      <div aria-live="polite" className="mt-3">
        {error && <ErrorNote error={error} />}
        {result && <Tried result={result} />}
      </div>
    </section>
  );
}

function Tried({ result }: { result: TryResult }) {
  const { tried, differing, skipped, decisions } = result;
  return (
    <>
      <p>
        <strong className="font-semibold">
          {differing === 0 ? 'Nothing would differ.' : `${differing} of ${tried} decisions would differ.`}
        </strong>{' '}
        <span className="text-muted">
          {differing === 0 && `${tried} decisions were tried. `}
          {skipped > 0 && `${skipped} could not be tried: they were recorded without their facts.`}
        </span>
      </p>
      {decisions.length > 0 && (
        <ul className="mt-2 divide-y divide-line border-y border-line text-[13px]">
          {decisions.map((one) => (
            <Differing key={`${one.runId} ${one.callId}`} one={one} />
          ))}
        </ul>
      )}
      {decisions.length < differing && <p className="mt-1 text-xs text-muted">Only the newest {decisions.length}.</p>}
    </>
  );
}

function Differing({ one }: { one: DifferingDecision }) {
  const who = one.template === undefined ? one.agentId : `${one.agentId}/${one.template}`;
  return (
    <li className="py-2">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Verdict kind={one.before.kind} /> <span aria-hidden>→</span>
        <span className="sr-only">becomes</span> <Verdict kind={one.after.kind} />
        <span className="font-medium">{one.tool}</span>
        <span className="text-muted">by {who}</span>
        <Link href={runPath(one.runId)} className="ml-auto text-accent underline underline-offset-2">
          <time dateTime={new Date(one.at).toISOString()}>{new Date(one.at).toLocaleString()}</time>
        </Link>
      </p>
      {one.about.length > 0 && <p className="mt-0.5 wrap-anywhere">{one.about.join('; ')}</p>}
      <p className="wrap-anywhere text-muted">
        {one.after.why} <code className="font-mono text-xs">{one.after.rule}</code>
      </p>
    </li>
  );
}
