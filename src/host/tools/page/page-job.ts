import { cleanText } from '../../../protocol/clean-text.ts';
import { bodyKind, decodeBody } from './decode-body.ts';
import { roughText } from './rough-text.ts';

/** One body to turn into text. Crosses into the reader's process. */
export interface PageJob {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly address: string;
  /** Without the parser: the second try for a page that was too much for it. */
  readonly rough: boolean;
}

export interface PageText {
  readonly kind: 'html' | 'json' | 'text' | 'other';
  readonly title: string;
  /** Empty for `other`. */
  readonly text: string;
}

/** What comes back. */
export type ReaderAnswer = { readonly page: PageText } | { readonly problem: string };

/** Runs in the reader's process. All the work that grows with the size of a hostile body is in here. */
export async function readPage(job: PageJob): Promise<PageText> {
  const kind = bodyKind(job.body, job.contentType);
  if (kind === 'other') return { kind, title: '', text: '' };
  const source = decodeBody(job.body, job.contentType);
  if (kind === 'json') return { kind, title: '', text: cleanText(source.replace(/[\u2028\u2029]/g, ' ')) };
  if (kind === 'text') return { kind, title: '', text: withoutImages(cleanText(source)) };
  if (job.rough) return { kind, title: '', text: withoutImages(cleanText(roughText(source))) };
  const { htmlToMarkdown } = await import('./html-to-markdown.ts'); // Slow to load; plain text does not need it.
  const page = htmlToMarkdown(source, job.address);
  return { kind, title: cleanText(page.title), text: withoutImages(cleanText(page.markdown)) };
}

/** `![alt](address)` is a request as soon as someone renders it; without the mark it is only a link. */
function withoutImages(text: string): string {
  return text.replaceAll('![', 'image [');
}
