import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ScrollText } from 'lucide-react';
import type { AuditRowView, AuditStatus } from '../../../src/protocol/audit.ts';
import { useApp } from '../app-context.tsx';
import {
  Badge,
  Button,
  Empty,
  ErrorNote,
  Page,
  PageTitle,
  Skeleton,
  SkeletonRows,
  toNamedError,
} from '../ui/basics.tsx';

const PAGE = 100;

/** What was done, by whom and for whom, and how much of it an anchor attests. */
export function AuditPage() {
  const { api } = useApp();
  const status = useQuery({ queryKey: ['audit-status'], queryFn: api.people.auditStatus, refetchInterval: 10_000 });
  const rows = useInfiniteQuery({
    queryKey: ['audit'],
    queryFn: ({ pageParam }: { pageParam: number | undefined }) => api.people.audit(pageParam),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)?.seq),
  });
  const all = rows.data?.pages.flat() ?? [];
  return (
    <Page>
      <PageTitle title="Audit" />
      {status.data === undefined ? <Skeleton className="h-20" /> : <Anchors status={status.data} />}
      {status.error && <ErrorNote error={toNamedError(status.error)} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached with the keyboard */}
      <section aria-label="Rows" tabIndex={0} className="card mt-5 overflow-x-auto">
        {rows.isPending && <SkeletonRows />}
        {rows.error && <ErrorNote error={toNamedError(rows.error)} />}
        {rows.isSuccess && all.length === 0 && <Empty icon={ScrollText} title="Nothing was done yet" />}
        {all.length > 0 && (
          <table className="w-full text-left text-[13px]">
            <thead className="text-muted">
              <tr className="border-b border-line">
                {['Time', 'Who', 'For', 'What', 'Of what', 'Outcome'].map((name) => (
                  <th key={name} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {all.map((row) => (
                <Row key={row.seq} row={row} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {rows.hasNextPage && (
        <Button className="mt-3" disabled={rows.isFetchingNextPage} onClick={() => void rows.fetchNextPage()}>
          Older
        </Button>
      )}
    </Page>
  );
}

function Anchors({ status }: { status: AuditStatus }) {
  const outside = status.anchors.some((anchor) => anchor.outside);
  const seconds = Math.round(status.unanchoredForMs / 1_000);
  return (
    <section aria-label="Anchors" className="card p-4">
      <p className="flex flex-wrap items-center gap-2">
        <strong className="font-semibold">{status.rows} rows</strong>
        {status.unanchored === 0 ? (
          <Badge tone="ok">all anchored</Badge>
        ) : (
          <Badge tone="warn">
            {status.unanchored} not anchored for {seconds} s
          </Badge>
        )}
        {!outside && <Badge tone="warn">on this machine only</Badge>}
      </p>
      <ul className="mt-2 text-[13px] text-muted">
        {status.anchors.map((anchor) => (
          <li key={anchor.name} className="wrap-anywhere">
            {anchor.name}: {anchor.count} rows
            {anchor.at !== null && `, ${new Date(anchor.at).toLocaleString()}`}
          </li>
        ))}
      </ul>
      {status.problems.map((problem) => (
        <p key={problem} className="mt-2 text-[13px] text-danger wrap-anywhere">
          {problem}
        </p>
      ))}
      <p className="mt-2 text-[13px] text-muted">
        Check it, also on another machine: <code className="font-mono">holdfast audit verify</code>
      </p>
    </section>
  );
}

function Row({ row }: { row: AuditRowView }) {
  const bad = ['denied', 'refused', 'failed', 'error'].includes(row.outcome);
  return (
    <tr>
      <td className="px-3 py-1.5 whitespace-nowrap text-muted tabular-nums">{new Date(row.at).toLocaleString()}</td>
      <td className="px-3 py-1.5 whitespace-nowrap">{row.actor}</td>
      <td className="px-3 py-1.5 whitespace-nowrap text-muted">{row.principal ?? ''}</td>
      <td className="px-3 py-1.5 whitespace-nowrap">{row.action}</td>
      <td className="max-w-64 truncate px-3 py-1.5 font-mono text-xs" title={row.target}>
        {row.target}
      </td>
      <td className="px-3 py-1.5">
        <Badge tone={bad ? 'danger' : 'neutral'}>{row.outcome}</Badge>
      </td>
    </tr>
  );
}
