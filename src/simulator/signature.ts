import { createHmac, randomUUID } from 'node:crypto';

/**
 * Vendors sign their reasoning and refuse a transcript whose reasoning was changed or lost. The simulator does the same,
 * so that a client that does not keep it verbatim fails here and not in production. The key is fixed on purpose: a
 * restarted simulator must accept what it signed before. It protects nothing.
 */
const KEY = 'holdfast-simulator';

export function sign(text: string): string {
  const digest = createHmac('sha256', KEY).update(text).digest('base64');
  return Buffer.from(`hfsim1:${digest}`).toString('base64');
}

export function isSignatureOf(signature: string, text: string): boolean {
  return signature === sign(text);
}

/** For signatures that stand for something the client never saw: only their origin can be checked. */
export function isOurSignature(signature: string): boolean {
  return Buffer.from(signature, 'base64').toString('utf8').startsWith('hfsim1:');
}

/** Reasoning as an opaque blob that only the simulator reads. */
export function seal(text: string): string {
  return Buffer.from(`${sign(text)} ${text}`).toString('base64');
}

export function isSealed(blob: string): boolean {
  const opened = Buffer.from(blob, 'base64').toString('utf8');
  const space = opened.indexOf(' ');
  return space > 0 && isSignatureOf(opened.slice(0, space), opened.slice(space + 1));
}

/** An id as vendors make them: a prefix and 24 characters. */
export function vendorId(prefix: string): string {
  return `${prefix}${randomUUID().replaceAll('-', '').slice(0, 24)}`;
}
