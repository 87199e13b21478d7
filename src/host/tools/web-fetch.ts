import { z } from 'zod';
import { cleanText } from '../../protocol/clean-text.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Label } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { FetchHead, FetchRequest } from '../../protocol/vault-api.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { cutText } from './page/cut-text.ts';
import { mediaType } from './page/decode-body.ts';
import type { PageReader } from './page/page-reader.ts';
import type { Tool, ToolContext } from './tool.ts';

const DEFAULT_CHARS = 20_000;
const MOST_CHARS = 100_000;

const WebFetchInput = z.strictObject({
  url: z.string().min(1).max(8_000).describe('An http or https address'),
  max_chars: z
    .number()
    .int()
    .min(200)
    .max(MOST_CHARS)
    .optional()
    .describe(`Longest text to return, ${DEFAULT_CHARS} by default`),
});
type WebFetchInput = z.infer<typeof WebFetchInput>;

export interface WebFetchDeps {
  /** The vault's `POST /fetch`: the only way out, behind the SSRF wall. */
  readonly fetch: (
    request: z.input<typeof FetchRequest>,
    signal: AbortSignal,
  ) => Promise<{ head: FetchHead; body: Uint8Array }>;
  readonly blobs: BlobStore;
  readonly pages: PageReader;
}

/**
 * Reads one page of the web. Whatever comes back is untrusted and labelled so, the failures too: a redirect or an error
 * text can carry a stranger's words.
 */
export function createWebFetch(deps: WebFetchDeps): Tool<WebFetchInput> {
  return {
    name: 'web_fetch',
    description:
      'Reads one web address with GET and returns its text: pages as Markdown, JSON and plain text as they are. It sends nothing else and has no cookies.',
    input: WebFetchInput,
    risk: 'network',
    idempotent: true,
    parallel: true,
    async resources(input) {
      // What is no address touches nothing: `execute` says so.
      const url = URL.parse(input.url);
      return url === null ? [] : [{ kind: 'url', url: url.href, method: 'GET' }];
    },
    async execute(input, context) {
      const url = URL.parse(input.url);
      if (!url) return failed('error', `${JSON.stringify(input.url)} is no address. Give it whole, with https://.`, []);
      try {
        return await fetchPage(url, input.max_chars ?? DEFAULT_CHARS, { deps, context });
      } catch (error) {
        return outcomeOfError(error, url, context);
      }
    },
  };
}

interface Call {
  readonly deps: WebFetchDeps;
  readonly context: ToolContext;
}

async function fetchPage(url: URL, maxChars: number, { deps, context }: Call): Promise<ToolOutcome> {
  context.progress(`reading ${url.host}`);
  const hosts = context.hosts === undefined ? {} : { hosts: context.hosts };
  const request = { agent: context.agentId, run: context.runId, url: url.href, ...hosts };
  const { head, body } = await deps.fetch(request, context.signal);
  const page = await deps.pages.read({ body, contentType: head.contentType, address: head.finalUrl });
  const facts = {
    url: head.finalUrl,
    status: head.status,
    contentType: mediaType(head.contentType),
    bytes: body.byteLength,
  };
  const base = {
    status: head.status >= 400 ? ('error' as const) : ('ok' as const),
    data: { ...facts, title: page.title },
    label: labelOf(url.href, head.finalUrl),
    bytes: body.byteLength,
  };
  const opening = describeAnswer(url, head, body);
  if (page.kind === 'other') {
    const { hash } = await deps.blobs.put(body);
    return { ...base, text: `${opening}\nIt is not text, so it is not shown.`, blob: hash };
  }
  const shown = cutText(page.text, maxChars);
  const notes = [
    ...(head.truncated ? ['The answer was longer than may be fetched; only its beginning was read.'] : []),
    ...(page.rough ? ['The page could not be parsed in time; this is its bare text.'] : []),
    ...(shown.length < page.text.length ? [cutNote(shown.length, page.text.length)] : []),
  ];
  const heading = [`Address: ${head.finalUrl}`, ...(page.title === '' ? [] : [`Title: ${page.title}`]), ''].join('\n');
  const text = [opening, ...notes, `${heading}\n${shown}`].join('\n');
  if (shown.length === page.text.length) return { ...base, text };
  const whole = await deps.blobs.put(Buffer.from(page.text));
  return { ...base, text, blob: whole.hash, bytes: whole.bytes };
}

function describeAnswer(url: URL, head: FetchHead, body: Uint8Array): string {
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(mediaType(head.contentType)) ? mediaType(head.contentType) : 'unknown type';
  return `HTTP ${head.status} from ${url.host}: ${type}, ${body.byteLength} bytes.`;
}

function cutNote(shown: number, whole: number): string {
  const more = shown < MOST_CHARS ? ` Ask again with a larger max_chars (at most ${MOST_CHARS}) for more.` : '';
  return `Only the first ${shown} of ${whole} characters are shown.${more}`;
}

function labelOf(...addresses: readonly string[]): Label {
  const hosts = addresses.flatMap((address) => URL.parse(address)?.hostname ?? []);
  return {
    integrity: 'untrusted',
    confidentiality: 'public',
    origins: [...new Set(hosts)].map((host) => `web:${host}`),
  };
}

function outcomeOfError(thrown: unknown, url: URL, context: ToolContext): ToolOutcome {
  const error = HoldfastError.from(thrown);
  if (error.code.startsWith('storage.') || error.code === 'internal') throw error;
  if (error.code === 'cancelled') return failed('cancelled', 'The fetch was cancelled.', [url.href]);
  const remedy = error.remedy?.replaceAll('<agent>', context.agentId) ?? '';
  const status = error.code === 'egress.denied' ? 'denied' : 'error';
  return failed(status, cleanText(`${error.message} ${remedy}`.trim()), [url.href]);
}

function failed(status: 'denied' | 'error' | 'cancelled', text: string, addresses: readonly string[]): ToolOutcome {
  return { status, text, label: labelOf(...addresses) };
}
