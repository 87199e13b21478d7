import { z } from 'zod';
import { AuditRowView, AuditStatus } from '../../../protocol/audit.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Audit } from '../../audit/audit.ts';
import { exportLines } from '../../audit/export.ts';
import type { ApiFeature } from '../app.ts';
import type { Caller } from '../guard.ts';
import { limit } from '../query.ts';
import { bytesRoute, jsonRoute } from '../route.ts';

const Text = z.string().min(1).max(300).optional();
const Seq = z.coerce.number().int().min(0).optional();
const ListQuery = z.object({
  before: Seq,
  after: Seq,
  action: Text,
  actor: Text,
  agentId: Text,
  runId: Text,
  limit: limit(50),
});
const NewChain = z.strictObject({ reason: z.string().min(1).max(300) });

export const auditRoutes =
  (audit: Audit): ApiFeature =>
  (app) => {
    jsonRoute(
      app,
      {
        method: 'get',
        path: '/api/audit',
        summary: 'Rows of the audit, newest first; with `after`, oldest first from there on.',
        query: ListQuery,
        reply: AuditRowView.array(),
      },
      ({ query }) => audit.list(query),
    );
    jsonRoute(
      app,
      {
        method: 'get',
        path: '/api/audit/status',
        summary: 'How much of the audit is anchored, where, and what is wrong with it.',
        reply: AuditStatus,
      },
      () => audit.status(),
    );
    jsonRoute(
      app,
      {
        method: 'post',
        path: '/api/audit/anchor',
        summary: 'Signs and anchors what is new at once.',
        reply: AuditStatus,
      },
      () => audit.anchorNow(),
    );
    bytesRoute(
      app,
      {
        method: 'get',
        path: '/api/audit/export',
        summary: 'The whole audit as lines of JSON, for a verifier.',
      },
      async () => {
        const lines = exportLines(await audit.export());
        const body = ReadableStream.from(encoded(lines));
        return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
      },
    );
    jsonRoute(
      app,
      {
        method: 'post',
        path: '/api/audit/chains',
        summary: 'Begins a new chain after a backup was restored. Only over the unix socket.',
        body: NewChain,
        reply: z.object({ chain: z.string() }),
      },
      async ({ caller, body }) => {
        mustBeHere(caller);
        return { chain: await audit.beginChain(body.reason, caller.principal) };
      },
    );
  };

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const line of lines) yield encoder.encode(line);
}

function mustBeHere(caller: Caller): void {
  if (caller.principal.surface === 'cli') return;
  throw new HoldfastError('forbidden', 'A chain is begun by the owner on this machine.', {
    remedy: 'holdfast audit new-chain',
  });
}
