import { z } from 'zod';
import { ArtifactView } from '../../../protocol/api.ts';
import { neutraliseCsv } from '../../../protocol/neutralise-csv.ts';
import type { Control } from '../../control.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams, OptionalId } from '../query.ts';
import { bytesRoute, jsonRoute } from '../route.ts';
import { CONTENT_POLICY } from '../security-headers.ts';

const BlobParams = z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hex') });

/** What agents made. It is always a download, never a page of ours: a browser must not run any of it. */
export function contentRoutes(app: ApiApp, control: Control): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/artifacts',
      summary: 'Artifacts, newest first.',
      query: z.object({ runId: OptionalId }),
      reply: ArtifactView.array(),
      refuses: [404],
    },
    async ({ query, viewer }) => bounded(await control.artifacts(query.runId, viewer)),
  );
  bytesRoute(
    app,
    {
      method: 'get',
      path: '/api/artifacts/{id}/content',
      summary:
        'The bytes of an artifact, as a download. In tables (CSV, TSV) cells that a spreadsheet would run as a formula become text, unless exact=true.',
      params: IdParams,
      query: z.object({ exact: z.enum(['true', 'false']).default('false') }),
      refuses: [404],
    },
    async ({ params, query }) => {
      const { artifact, bytes } = await control.artifactContent(params.id);
      const safe = query.exact === 'true' ? bytes : forSpreadsheets(bytes, artifact);
      return download(safe, artifact.name, artifact.mediaType);
    },
  );
  bytesRoute(
    app,
    {
      method: 'get',
      path: '/api/blobs/{hash}',
      summary: 'The whole output that an event only refers to.',
      params: BlobParams,
      refuses: [404],
    },
    async ({ params }) => download(await control.blob(params.hash), params.hash, 'application/octet-stream'),
  );
}

/** A table is opened with a double click, and a formula in it can send what is beside it to a stranger. */
function forSpreadsheets(bytes: Uint8Array, { name, mediaType }: ArtifactView): Uint8Array {
  if (!/^text\/(?:csv|tab-separated-values)$/i.test(mediaType) && !/\.(?:csv|tsv|tab)$/i.test(name)) return bytes;
  const text = Buffer.from(bytes).toString('utf8');
  const safe = neutraliseCsv(text);
  return safe === text ? bytes : Buffer.from(safe);
}

function download(bytes: Uint8Array, name: string, mediaType: string): Response {
  return new Response(Uint8Array.from(bytes), {
    headers: {
      'content-type': safeMediaType(mediaType),
      'content-length': String(bytes.byteLength),
      'content-disposition': contentDisposition(name),
      'content-security-policy': CONTENT_POLICY,
      'cache-control': 'private, no-store',
    },
  });
}

/** The agent chose it: anything but a plain `type/subtype` becomes bytes. */
function safeMediaType(mediaType: string): string {
  return /^[a-z0-9.+-]{1,60}\/[a-z0-9.+-]{1,60}$/i.test(mediaType) ? mediaType : 'application/octet-stream';
}

/** RFC 6266: a plain name for old clients, the real one percent-encoded. Neither can end the header. */
export function contentDisposition(name: string): string {
  const base = name.split(/[/\\]/).at(-1) || 'download';
  const plain = base.replace(/[^A-Za-z0-9._ -]/g, '_').slice(0, 150);
  const encoded = encodeURIComponent(base.slice(0, 150).toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
